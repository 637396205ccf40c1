using MoeLora.Models.Tokenizers;
using MoeLora.Training.Synthesis;
using MoeLora.Training.Synthesis.Corpora;
using MoeLora.Training.Tokenization;

namespace MoeLora.Training.Tests.Tokenization;

public sealed class BytePairTrainerTests
{
    private static readonly SynthesisOptions BothLanguages = new() { EnglishShare = 0.3 };

    [Theory]
    [InlineData(1, 2, 48)]
    [InlineData(2, 1, 48)]
    [InlineData(3, 2, 4)]
    [InlineData(4, 3, 6)]
    public void Train_RandomLettersOfASmallAlphabet_EqualsTrainingByDefinition(int seed, int minFrequency, int maxTokenBytes)
    {
        // Few letters give overlapping pairs (aaa) and pairs that make the same token in two ways (a+bc, ab+c).
        var random = new Random(seed);
        string[] texts = [.. Enumerable.Range(0, 40).Select(_ => string.Concat(Enumerable.Range(0, 12).Select(_ => "aab肺 "[random.Next(5)])))];
        AssertAsByDefinition(texts, 330, minFrequency, maxTokenBytes);
    }

    [Fact]
    public void Train_Corpus_EqualsTrainingByDefinition() => AssertAsByDefinition([.. SyntheticCorpus.Generate(BothLanguages, 25)], 340, 2, 48);

    [Fact]
    public void Train_TextsInAnotherOrder_GivesTheSameTokenizer()
    {
        string[] texts = [.. SyntheticCorpus.Generate(BothLanguages, 100)];
        TrainedTokenizer first = Train(texts, 600), second = Train(texts.Reverse(), 600);
        Assert.Equal(first.Tokens, second.Tokens);
        Assert.Equal(first.Merges, second.Merges);
    }

    [Fact]
    public void WriteTo_TrainedOnACorpus_EveryTextDecodesToItself()
    {
        string[] texts = [.. SyntheticCorpus.Generate(BothLanguages, 300)];
        TrainedTokenizer trained = Train(texts, 1000);
        ITokenizer tokenizer = WriteAndRead(trained);
        Assert.Equal(1000, trained.VocabularySize);
        Assert.Equal(trained.VocabularySize, tokenizer.VocabularySize);
        foreach (string text in texts.Append(" \t\r\n\uFFFD🩺 né e\u0301 x\u0000"))
            Assert.Equal(text, tokenizer.Decode([.. tokenizer.Encode(text)]));
    }

    [Fact]
    public void WriteTo_Read_EveryTokenOfTextIsUsedForItsOwnText()
    {
        // Merges in another order, or ids that moved, would cut the token's own text differently.
        string[] texts = [.. Enumerable.Repeat("肺炎患者咳嗽三天", 3), .. Enumerable.Repeat("咳嗽 cough coughing", 3)];
        TrainedTokenizer trained = Train(texts, 400);
        ITokenizer tokenizer = WriteAndRead(trained);
        Assert.Single(tokenizer.Encode("肺炎患者咳嗽三天"));
        Assert.Equal(["Ġcough", "Ġcoughing"], tokenizer.Encode(" cough coughing").Select(id => trained.Tokens[id]));
    }

    [Fact]
    public void WriteTo_SpecialTokens_AreTheLastIdsAndNeverPartOfText()
    {
        TrainedTokenizer trained = Train(["咳嗽", "咳嗽"], 300);
        ITokenizer tokenizer = WriteAndRead(trained);
        int end = trained.IdOf("<|endoftext|>");
        Assert.Equal(trained.Tokens.Count, end);
        Assert.Equal(trained.VocabularySize - 1, trained.IdOf("<|pad|>"));
        Assert.Equal([end], tokenizer.Encode("<|endoftext|>"));
        Assert.Equal("咳嗽", tokenizer.Decode([.. tokenizer.Encode("咳嗽<|endoftext|>")]));
    }

    [Fact]
    public void Train_MaxTokenBytes_NoTokenIsLonger()
    {
        TrainedTokenizer trained = BytePairTrainer.Train(Enumerable.Repeat("上述句子中的临床发现事件如下", 9), new BytePairOptions { VocabularySize = 400, MaxTokenBytes = 6 });
        Assert.Equal(6, trained.Tokens.Max(token => token.Length));
    }

    [Fact]
    public void Train_FewPairs_StopsBelowTheSizeAskedFor()
    {
        TrainedTokenizer trained = Train(["ab", "ab", "cd"], 1000);
        Assert.Equal(256 + 1, trained.Tokens.Count); // cd occurs once only
        Assert.Equal("ab", trained.Tokens[^1]);
    }

    [Fact]
    public void Train_WrongOptions_ListsEverything()
    {
        var options = new BytePairOptions { VocabularySize = 256, MinFrequency = 0, SpecialTokens = ["<|pad|>", "<|pad|>"] };
        string message = Assert.Throws<ArgumentException>(() => BytePairTrainer.Train([], options)).Message;
        Assert.Contains("258", message);
        Assert.Contains("least frequency", message);
        Assert.Contains("'<|pad|>' is there twice", message);
    }

    private static TrainedTokenizer Train(IEnumerable<string> texts, int size) => BytePairTrainer.Train(texts, new BytePairOptions { VocabularySize = size });

    private static void AssertAsByDefinition(string[] texts, int size, int minFrequency, int maxTokenBytes)
    {
        (List<string> tokens, List<(int, int)> merges) = NaiveBytePairs.Train(texts, size, minFrequency, maxTokenBytes);
        var options = new BytePairOptions { VocabularySize = size, SpecialTokens = [], Split = TextSplit.Qwen2, MinFrequency = minFrequency, MaxTokenBytes = maxTokenBytes };
        TrainedTokenizer trained = BytePairTrainer.Train(texts, options);
        Assert.True(tokens.Count > 270, "there must be merges to compare");
        Assert.Equal(tokens, trained.Tokens);
        Assert.Equal(merges, trained.Merges);
    }

    private static ITokenizer WriteAndRead(TrainedTokenizer trained)
    {
        string directory = Directory.CreateTempSubdirectory("moelora-").FullName;
        try
        {
            trained.WriteTo(directory);
            return TokenizerReader.Read(directory).Require();
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
