"""Answers for the long form of the fuzz test: python3 peer.py MODEL < requests > answers, a line of JSON each.

{"text": T} is answered with {"ids": [...], "decoded": "..."}, {"ids": [...]} with {"decoded": "..."}. Needs Debian's python3-sentencepiece.
"""
import json
import sys

import sentencepiece

model = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
for line in sys.stdin:
    request = json.loads(line)
    ids = model.encode(request["text"]) if "text" in request else request["ids"]
    print(json.dumps({"ids": ids, "decoded": model.decode(ids)}))
