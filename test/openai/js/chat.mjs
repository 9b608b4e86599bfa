// node chat.mjs BASE_URL API_KEY MODEL TOKENS asks a model in every way that programs do, and prints what came, as JSON.
import OpenAI from "openai";

const [baseURL, apiKey, model, tokens] = process.argv.slice(2);
const max_tokens = Number(tokens);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 10 });
const messages = [{ role: "user", content: "func main() {" }];

const models = [];
for await (const m of client.models.list()) models.push(m.id);

const chat = await client.chat.completions.create({ model, messages, max_tokens, seed: 11 });

const pieces = [];
let last = null;
for await (const c of await client.chat.completions.create({ model, messages, max_tokens, seed: 11, stream: true, stream_options: { include_usage: true } })) {
  const text = c.choices[0]?.delta?.content;
  if (text) pieces.push(text);
  last = c.usage ?? last;
}

const completion = await client.completions.create({ model, prompt: "func main() {", max_tokens, seed: 13 });

console.log(JSON.stringify({
  models,
  chat: { text: chat.choices[0].message.content, usage: chat.usage },
  stream: { text: pieces.join(""), pieces: pieces.length, usage: last },
  completion: { text: completion.choices[0].text, usage: completion.usage },
}));
