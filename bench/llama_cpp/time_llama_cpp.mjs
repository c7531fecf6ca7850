// Times llama.cpp, as the npm package node-llama-cpp brings it ready built, on a GGUF file.
//
// usage: node time_llama_cpp.mjs TASK_JSON     (inference_benchmark's group llama_cpp runs it; docs/performance.md)
//   {"packages": folder in which node-llama-cpp is installed, "model": GGUF file, "dtype": of its weights, "threads",
//    "prompts": [[token id, ...], ...], "context": tokens before the decode steps,
//    "repetitions": {"least", "most", "enough_seconds"},
//    "answer": {"prompt": [token id, ...], "tokens": greedy choices of ours after it}}
// Prints one JSON object: "prompts": seconds of each pass of each prompt, "decode": seconds of each step,
// "answer": llama.cpp's choices after the same tokens ("tokens"), and by how much their logits are above those of
// ours ("leads"); and what llama.cpp says about itself and the model.
import {createRequire} from "node:module";
import path from "node:path";
import {pathToFileURL} from "node:url";

const task = JSON.parse(process.argv[2]);
const installed = createRequire(path.resolve(task.packages) + path.sep);
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(installed.resolve("node-llama-cpp")).href);

// What is only said in llama.cpp's log.
const log = [];
const findInLog = pattern => log.join("\n").match(pattern)?.[1] ?? "unknown";

// The likeliest next token is chosen in each pass: without it llama.cpp would leave out the output head.
// `logits`: which ones to return besides.
const withChoice = (ids, logits) => ids.map((id, index) =>
  index + 1 < ids.length ? id : [id, {generateNext: {token: true, logits, options: {temperature: 0}}}]);

// Feeds the tokens after those that the sequence holds -> {token: the next one, logits}.
async function feed(sequence, ids, logits = false) {
  const results = await sequence.controlledEvaluate(withChoice(ids, logits));
  return results[ids.length - 1].next;
}

async function timeOnce(work) {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

// As our own passes are repeated (RepetitionRule in bench/stopwatch.h). `prepare` is not part of the time.
async function timeRepeatedly(work, prepare = async () => {}) {
  const {least, most, enough_seconds: enough} = task.repetitions;
  const seconds = [];
  let total = 0;
  while (seconds.length < least || (total < enough && seconds.length < most)) {
    await prepare();
    seconds.push(await timeOnce(work));
    total += seconds.at(-1);
  }
  return seconds;
}

async function timePrompt(sequence, ids) {
  await feed(sequence, ids); // warms up
  return timeRepeatedly(() => feed(sequence, ids), () => sequence.clearHistory());
}

async function timeDecode(sequence, ids) {
  await sequence.clearHistory();
  let {token} = await feed(sequence, ids);
  const step = async () => { ({token} = await feed(sequence, [token])); };
  await step(); // warms up
  return timeRepeatedly(step);
}

// Feeds our answer, whatever it chooses itself: one near tie must not make all that follows differ.
async function followAnswer(sequence, {prompt, tokens: ours}) {
  await sequence.clearHistory();
  const tokens = [], leads = [];
  let fed = prompt;
  for (const our of ours) {
    const {token, logits} = await feed(sequence, fed, {filter: {tokens: [our], includeSelected: true}});
    tokens.push(token);
    leads.push(logits.get(token) - logits.get(our));
    fed = [our];
  }
  return {tokens, leads};
}

const llama = await getLlama({
  gpu: false,
  build: "never",
  maxThreads: task.threads,
  logLevel: LlamaLogLevel.info,
  logger: (_level, message) => log.push(message)
});
const model = await llama.loadModel({modelPath: task.model});
const expected = {bfloat16: "BF16", float32: "F32"}[task.dtype];
if (llama.gpu !== false || !model.typeDescription.endsWith(expected)) {
  throw new Error(`llama.cpp runs '${model.typeDescription}', GPU: ${llama.gpu}, instead of ${task.dtype} on the CPU`);
}
const longest = Math.max(...task.prompts.map(ids => ids.length));
const context = await model.createContext({
  contextSize: Math.max(longest, task.context + 1 + task.repetitions.most) + 1,
  batchSize: longest, // a prompt is one pass
  threads: {ideal: task.threads, min: task.threads}
});
const sequence = context.getSequence();

const prompts = [];
for (const ids of task.prompts) {
  await sequence.clearHistory();
  prompts.push(await timePrompt(sequence, ids));
}
const decode = await timeDecode(sequence, task.prompts[0].slice(0, task.context));
const answer = await followAnswer(sequence, task.answer);

console.log(JSON.stringify({
  prompts,
  decode,
  answer,
  release: llama.llamaCppRelease.release,
  weights: model.typeDescription,
  gpu: llama.gpu,
  flash_attention: findInLog(/Flash Attention (\w+)/),
  cache: findInLog(/K \((\w+)\)/),
  processor: llama.systemInfo.trim()
}));
process.exit(0); // without waiting for the library's threads
