"""What transformers with PEFT do on a device, under the names of `moelora bench --suite`: lines "name value". run.sh calls it.

The shapes are the same: a Llama is one; ChatGLM-6B is a GPT-NeoX of its sizes, whose layers have the same four matrices and the same attention. Weights are
random and bf16. decode_N is the plain model (an adapter that was merged costs nothing more), shared_N the model with an unmerged LoRA of rank 16 on all dense
layers, mixed_shared a batch whose rows are of several LoRAs, train a step with one of them.
"""

import argparse
import contextlib
import inspect
import os
import statistics
import sys
import time

TINY = os.environ.get("PEER_TINY") == "1"
RANK = 8 if TINY else 16
TASKS = 4 if TINY else 8
PROMPT, DECODE_PROMPT, STEPS, BATCHES, ROWS, SAMPLE = (48, 48, 4, (1, 8), 64, 64) if TINY else (1024, 128, 64, (1, 8, 64), 2048, 512)


def missing(device):
    """Why nothing can be measured here; None when all is there."""
    lacking = []
    for name in ("torch", "transformers", "peft"):
        try:
            __import__(name)
        except Exception as error:  # a library may be there and broken
            lacking.append(f"{name} ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'})")
    if lacking:
        return f"{sys.executable} lacks " + ", ".join(lacking) + "; pip install torch transformers peft"
    import torch

    if device.type == "cuda" and not torch.cuda.is_available():
        return f"{sys.executable} has torch {torch.__version__}, which finds no GPU"
    return None


def config_of(shape):
    from transformers import GPTNeoXConfig, LlamaConfig

    llama = {
        "tinyllama-1.1b": (2048, 5632, 22, 32, 4, 32000),
        "llama-smallest": (64, 128, 2, 4, 2, 512),
    }
    glm = {
        "chatglm-6b": (4096, 16384, 28, 32, 130528),
        "chatglm-6b-2layers": (4096, 16384, 2, 32, 130528),
        "chatglm-smallest": (64, 256, 2, 2, 512),
    }
    if shape in llama:
        hidden, inner, layers, heads, kv, vocabulary = llama[shape]
        return LlamaConfig(hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv,
                           vocab_size=vocabulary, max_position_embeddings=2048, tie_word_embeddings=False)
    if shape in glm:
        hidden, inner, layers, heads, vocabulary = glm[shape]
        return GPTNeoXConfig(hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads, vocab_size=vocabulary,
                             max_position_embeddings=2048, tie_word_embeddings=False)
    raise SystemExit(f"peer.py: there is no shape {shape}; there are {', '.join([*llama, *glm])}")


class Measured:
    def __init__(self, shape, device):
        import torch
        from transformers import AutoModelForCausalLM

        self.torch, self.device = torch, device
        torch.manual_seed(1)
        config = config_of(shape)
        self.vocabulary = config.vocab_size
        previous = torch.get_default_dtype()
        torch.set_default_dtype(torch.bfloat16)
        # Old versions have neither fused attention nor devices as contexts; they are slower, and start slower.
        fused = {"attn_implementation": "sdpa"} if hasattr(torch.nn.functional, "scaled_dot_product_attention") else {}
        with device if hasattr(device, "__enter__") else contextlib.nullcontext():
            self.model = AutoModelForCausalLM.from_config(config, **fused)
        torch.set_default_dtype(previous)
        self.model.to(device).eval()
        keep = inspect.signature(type(self.model).forward).parameters.keys() & {"logits_to_keep", "num_logits_to_keep"}
        self.last = {name: 1 for name in keep}  # the last token's logits only, where it can be asked for

    def wait(self):
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()

    def tokens(self, rows, columns):
        return self.torch.randint(0, self.vocabulary // 2, (rows, columns), device=self.device)

    def prefill(self, model):
        prompt = self.tokens(1, PROMPT)
        with self.torch.inference_mode():
            times = []
            for _ in range(3):
                self.wait()
                start = time.perf_counter()
                model(input_ids=prompt, use_cache=True, **self.last)
                self.wait()
                times.append(time.perf_counter() - start)
        return PROMPT / statistics.median(times[1:])

    def decode(self, model, batch, **more):
        """Tokens per second by the median step, greedily, each token back on the host as a server needs it."""
        with self.torch.inference_mode():
            output = model(input_ids=self.tokens(batch, DECODE_PROMPT), use_cache=True, **self.last, **more)
            times = []
            for _ in range(STEPS + 3):
                start = time.perf_counter()
                following = output.logits[:, -1].argmax(-1)
                following.tolist()
                output = model(input_ids=following.unsqueeze(1), past_key_values=output.past_key_values, use_cache=True, **self.last, **more)
                self.wait()
                times.append(time.perf_counter() - start)
        return batch / statistics.median(times[3:])

    def adapted(self, names):
        from peft import LoraConfig, get_peft_model

        settings = dict(r=RANK, lora_alpha=2 * RANK, lora_dropout=0.0, target_modules="all-linear", init_lora_weights=False)
        model = get_peft_model(self.model, LoraConfig(**settings), adapter_name=names[0])
        for name in names[1:]:
            model.add_adapter(name, LoraConfig(**settings))
        model.set_adapter(names[0])
        return model.to(self.device).eval()

    def train(self, model):
        model.train()
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = self.torch.optim.AdamW(trained, lr=2e-4)
        samples = self.tokens(ROWS // SAMPLE, SAMPLE)
        labels = samples.clone()
        labels[:, : SAMPLE * 5 // 6] = -100
        times = []
        for _ in range(5):
            self.wait()
            start = time.perf_counter()
            model(input_ids=samples, labels=labels, use_cache=False).loss.backward()
            self.torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            self.wait()
            times.append(time.perf_counter() - start)
        model.eval()
        return samples.numel() / statistics.median(times[2:])


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="only says what is missing")
    arguments.add_argument("--shape", default="tinyllama-1.1b")
    arguments.add_argument("--device", default="cuda", help="cuda, cuda:N, or torch-cpu for the processor")
    given = arguments.parse_args()

    class Kind:  # until torch is known to be there
        type = given.device.split(":")[0].replace("torch-", "")

    if problem := missing(Kind):
        print(problem)
        return 1
    if given.check:
        return 0
    import torch

    measured = Measured(given.shape, torch.device(given.device.replace("torch-", "")))
    plain = measured.model
    show("prefill", measured.prefill(plain))
    for batch in BATCHES:
        show(f"decode_{batch}", measured.decode(plain, batch))
    names = [f"task{i}" for i in range(TASKS)]
    model = measured.adapted(names)
    for batch in BATCHES:
        show(f"shared_{batch}", measured.decode(model, batch))
    rows = [names[i % TASKS] for i in range(BATCHES[-1])]
    attempt("mixed_shared", lambda: measured.decode(model, len(rows), adapter_names=rows))
    attempt("train", lambda: measured.train(model))
    return 0


def attempt(name, measure):
    """What this version of PEFT or this card cannot do leaves its figure out, with the reason."""
    try:
        show(name, measure())
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)


def show(name, value):
    print(f"{name} {value:.6g}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
