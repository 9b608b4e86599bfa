"""python3 chat.py BASE_URL API_KEY MODEL TOKENS asks a model in every way that programs do, and prints what came, as JSON."""

import json
import sys

from openai import OpenAI

base_url, api_key, model, tokens = sys.argv[1:]
client = OpenAI(base_url=base_url, api_key=api_key, max_retries=10)
messages = [{"role": "user", "content": "func main() {"}]
common = {"model": model, "max_tokens": int(tokens)}

models = [m.id for m in client.models.list()]
chat = client.chat.completions.create(messages=messages, seed=21, **common)

pieces, last = [], None
for c in client.chat.completions.create(messages=messages, seed=21, stream=True, stream_options={"include_usage": True}, **common):
    if c.choices and c.choices[0].delta.content:
        pieces.append(c.choices[0].delta.content)
    last = c.usage or last

completion = client.completions.create(prompt="func main() {", seed=23, **common)

print(json.dumps({
    "models": models,
    "chat": {"text": chat.choices[0].message.content, "usage": chat.usage.model_dump()},
    "stream": {"text": "".join(pieces), "pieces": len(pieces), "usage": last.model_dump()},
    "completion": {"text": completion.choices[0].text, "usage": completion.usage.model_dump()},
}))
