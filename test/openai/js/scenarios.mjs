// node scenarios.mjs NAME BASE_URL API_KEY plays one scenario and prints what the client saw, as JSON.
import { File } from "node:buffer";
import OpenAI, { toFile } from "openai";

globalThis.File ??= File; // Node 18 has it, but not as a global

const [name, baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey, maxRetries: 0, timeout: 20_000 });
const messages = [{ role: "user", content: "hi" }];
const chat = (model, more, options) => client.chat.completions.create({ model, messages, ...more }, options);

// failure is an error as programs tell it apart.
async function failure(call) {
  try {
    await call();
    return { class: "none" };
  } catch (e) {
    return { class: e.constructor.name, status: e.status ?? 0, code: e.code ?? "", type: e.type ?? "", param: e.param ?? "", message: e.message, id: e.requestID ?? "" };
  }
}

async function read(stream) {
  const chunks = [];
  for await (const c of stream) chunks.push(c);
  return chunks;
}

const text = (chunks) => chunks.map((c) => c.choices[0]?.delta?.content ?? "").join("");

const scenarios = {
  async models() {
    const ids = [];
    for await (const m of client.models.list()) ids.push(m.id);
    return { ids, one: await client.models.retrieve("chat"), missing: await failure(() => client.models.retrieve("meta/none")) };
  },

  async chat() {
    const { data, response, request_id } = await chat("chat").withResponse();
    return { text: data.choices[0].message.content, usage: data.usage, node: response.headers.get("x-emc-node"), cost: response.headers.get("x-emc-cost"), id: request_id };
  },

  async endpoints() {
    const audio = await toFile(Buffer.from([0, 1, 2, 255]), "speech.wav");
    const image = await toFile(Buffer.from([137, 80, 78, 71]), "a.png", { type: "image/png" });
    const speech = await client.audio.speech.create({ model: "speech", voice: "alloy", input: "hi" });
    return {
      completion: (await client.completions.create({ model: "completion", prompt: "a", max_tokens: 5 })).choices[0].text,
      embedding: (await client.embeddings.create({ model: "embedding", input: "a", encoding_format: "float" })).data[0].embedding,
      generated: (await client.images.generate({ model: "image", prompt: "a", n: 2 })).data[0].b64_json,
      edited: (await client.images.edit({ model: "image", image, prompt: "a" })).data[0].b64_json,
      speech: Buffer.from(await speech.arrayBuffer()).toString("hex"),
      speechType: speech.headers.get("content-type"),
      transcription: (await client.audio.transcriptions.create({ model: "transcription", file: audio })).text,
      translation: (await client.audio.translations.create({ model: "transcription", file: audio })).text,
    };
  },

  async streams() {
    const plain = await read(await chat("chat", { stream: true }));
    const usage = await read(await chat("chat", { stream: true, stream_options: { include_usage: true } }));
    const helper = client.chat.completions.stream({ model: "chat", messages, stream_options: { include_usage: true } });
    return {
      plain: text(plain), plainUsage: plain.filter((c) => "usage" in c).length,
      usage: text(usage), nulls: usage.filter((c) => c.usage === null).length, last: usage.at(-1).usage, lastChoices: usage.at(-1).choices.length, chunks: usage.length,
      helper: (await helper.finalChatCompletion()).choices[0].message.content, helperUsage: await helper.totalUsage(),
      debug: text(await read(await chat("chat", { stream: true }, { headers: { "X-EMC-Debug": "1" } }))),
      sloppy: text(await read(await chat("sloppy", { stream: true }))),
    };
  },

  async cancel() {
    const stream = await chat("endless", { stream: true });
    let chunks = 0;
    for await (const _ of stream) if (++chunks === 3) break; // leaving the loop aborts
    const controller = new AbortController();
    const other = await chat("endless", { stream: true }, { signal: controller.signal });
    let aborted = 0;
    for await (const _ of other) if (++aborted === 3) controller.abort();
    const waiting = new AbortController();
    setTimeout(() => waiting.abort(), 200);
    return { chunks, aborted, waiting: await failure(() => chat("waits", {}, { signal: waiting.signal })) };
  },

  async broken() {
    const seen = [];
    const error = await failure(async () => {
      for await (const c of await chat("breaks", { stream: true })) seen.push(c.choices[0].delta.content);
    });
    return { seen, error };
  },

  async errors() {
    const out = {};
    for (const kind of ["no_model", "no_node", "overloaded", "limited", "price", "session_gone", "session_expired", "session_exhausted", "node_fault", "timeout", "invalid", "internal"]) {
      out[kind] = await failure(() => chat(kind));
    }
    out.key = await failure(() => new OpenAI({ baseURL: `${baseURL}/v1`, apiKey: "sk-emc-wrong", maxRetries: 0 }).models.list());
    out.unknown_model = await failure(() => chat("none"));
    out.no_messages = await failure(() => client.chat.completions.create({ model: "chat" }));
    out.bad_model = await failure(() => chat(5));
    out.bad_tokens = await failure(() => chat("chat", { max_tokens: -1 }));
    out.app_error = await failure(() => chat("refuses"));
    out.unknown_url = await failure(() => client.get("/none"));
    out.large = await failure(() => client.post("/chat/completions", { body: { model: "chat", messages: ["a".repeat(17 << 20)] } }));
    out.forbidden = await failure(() => client.get(`${baseURL}/emc/v1/keys`));
    return out;
  },

  async timeouts() {
    return {
      client: await failure(() => chat("waits", {}, { timeout: 300 })),
      server: await failure(() => chat("waits")),
    };
  },

  async parallel() {
    const texts = await Promise.all(Array.from({ length: 32 }, async () => text(await read(await chat("slow", { stream: true })))));
    return { texts };
  },

  async retries() {
    const started = Date.now();
    const busy = await chat("busy_twice", {}, { maxRetries: 2 });
    const took = Date.now() - started;
    return { text: busy.choices[0].message.content, took, quota: await failure(() => chat("price", {}, { maxRetries: 5 })), bad: await failure(() => chat("invalid", {}, { maxRetries: 5 })) };
  },
};

console.log(JSON.stringify(await scenarios[name]()));
process.exit(0);
