#include "worker/engine/generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "core/error.h"
#include "worker/lac/propagate_recorder.h"
#include "worker/lac/shared_stream_recorder.h"
#include "worker/nn/decode_attention.h"
#include "worker/nn/prefill_attention.h"

namespace lacuna {
namespace {

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void check_prompt(const GeneratorPrompt& prompt, std::int64_t vocabulary) {
  if (prompt.token_ids.empty()) {
    throw InputError({.problem = fmt::format("the prompt of question '{}' is empty", prompt.question)});
  }
  for (const TokenId token : prompt.token_ids) {
    if (token.value() >= 0 && token.value() < vocabulary) continue;
    throw InputError(
        {.problem = fmt::format("token {} in the prompt of question '{}'", token, prompt.question),
         .why = fmt::format("the model's vocabulary has {} entries", vocabulary),
         .suggestion = "check that tokenizer.json belongs to this checkpoint"});
  }
}

// Appends one pass's row to a response's trace: the norms, and the decision sets [first_set, first_set +
// sets).
void append_row(TraceRows& trace, const TraceRows& row, std::int64_t first_set, std::int64_t sets) {
  trace.layers = row.layers;
  trace.alphas = sets;
  ++trace.tokens;
  trace.norms.insert(trace.norms.end(), row.norms.begin(), row.norms.end());
  const std::int64_t set_bytes = packed_layer_bytes(row.layers);
  const auto first = row.active.begin() + first_set * set_bytes;
  trace.active.insert(trace.active.end(), first, first + sets * set_bytes);
}

}  // namespace

Generator::Generator(const CausalLm& model, TokenChooser& chooser, GeneratorOptions options)
    : model_(model), chooser_(chooser), options_(std::move(options)) {}

at::Tensor Generator::to_device(const std::vector<std::int64_t>& values) const {
  return at::tensor(values, at::TensorOptions().dtype(at::kLong)).to(model_.device());
}

std::int64_t Generator::decision_set(const BranchSpec& spec) const {
  return options_.stream == StreamKind::kShared && spec.alpha ? spec.alpha->value() : 0;
}

std::vector<Generator::Sequence> Generator::lay_out_sequences(
    std::span<const GeneratorPrompt> prompts) const {
  std::vector<Sequence> sequences;
  const auto add = [&](std::size_t question, std::vector<BranchSpec> branches, std::int64_t first_branch) {
    const std::optional<AlphaIndex> alpha =
        options_.stream == StreamKind::kPropagate ? branches.front().alpha : std::nullopt;
    sequences.push_back(
        {.prompt = &prompts[question],
         .question = question,
         .alpha = alpha,
         .first_branch = first_branch,
         .branches = BranchSet(std::move(branches), model_.architecture.layers, options_.max_new_tokens),
         .pp = {}});
  };
  for (std::size_t question = 0; question < prompts.size(); ++question) {
    check_prompt(prompts[question], model_.architecture.vocabulary);
    if (options_.stream == StreamKind::kShared) {
      add(question, options_.branches, 0);
      continue;
    }
    for (std::size_t branch = 0; branch < options_.branches.size(); ++branch) {
      add(question, {options_.branches[branch]}, static_cast<std::int64_t>(branch));
    }
  }
  return sequences;
}

std::unique_ptr<StreamRecorder> Generator::make_recorder(at::Tensor kept_tokens,
                                                         std::vector<double> token_alphas) const {
  RecorderOptions options{.layers = model_.architecture.layers,
                          .norm_precision = options_.norm_precision,
                          .model_dtype = model_.dtype(),
                          .kept_tokens = std::move(kept_tokens),
                          .keep_alive = options_.keep_alive};
  if (options_.stream == StreamKind::kShared) {
    return std::make_unique<SharedStreamRecorder>(std::move(options), options_.alphas);
  }
  return std::make_unique<PropagateRecorder>(std::move(options), std::move(token_alphas));
}

std::vector<GeneratedQuestion> Generator::generate(std::span<const GeneratorPrompt> prompts) {
  const at::NoGradGuard no_grad;
  std::vector<Sequence> sequences = lay_out_sequences(prompts);
  std::vector<Sequence*> batch;
  std::int64_t batch_tokens = 0;
  for (Sequence& sequence : sequences) {
    const auto tokens = static_cast<std::int64_t>(sequence.prompt->token_ids.size());
    if (!batch.empty() && batch_tokens + tokens > options_.batch_tokens) {
      prefill(batch);
      batch.clear();
      batch_tokens = 0;
    }
    batch.push_back(&sequence);
    batch_tokens += tokens;
  }
  if (!batch.empty()) prefill(batch);

  while (true) {
    std::vector<Sequence*> unfinished;
    for (Sequence& sequence : sequences) {
      if (!sequence.branches.finished()) unfinished.push_back(&sequence);
    }
    if (unfinished.empty()) break;
    decode_step(unfinished);
  }

  std::vector<GeneratedQuestion> questions(prompts.size());
  for (Sequence& sequence : sequences) {
    GeneratedQuestion& question = questions[sequence.question];
    question.pp.push_back(std::move(sequence.pp));
    question.prefill_seconds += sequence.prefill_seconds;
    for (Branch& branch : sequence.branches.branches()) question.branches.push_back(std::move(branch));
  }
  return questions;
}

void Generator::prefill(std::span<Sequence*> batch) {
  const Stopwatch stopwatch;
  std::vector<std::int64_t> token_ids, positions, last_tokens;
  std::vector<double> token_alphas;
  std::vector<PromptSpan> spans;
  std::vector<KeptRow> rows;
  for (Sequence* const sequence : batch) {
    const auto first = static_cast<std::int64_t>(token_ids.size());
    const auto tokens = static_cast<std::int64_t>(sequence->prompt->token_ids.size());
    for (const TokenId token : sequence->prompt->token_ids) {
      positions.push_back(static_cast<std::int64_t>(token_ids.size()) - first);
      token_ids.push_back(token.value());
      if (sequence->alpha)
        token_alphas.push_back(options_.alphas[static_cast<std::size_t>(sequence->alpha->value())]);
    }
    last_tokens.push_back(first + tokens - 1);
    spans.push_back({first, tokens, &sequence->branches.cache()});
    rows.push_back({sequence, 0, first + tokens - 1});
  }
  PrefillAttention attention(spans);
  const auto recorder = make_recorder(to_device(last_tokens), std::move(token_alphas));
  model_.run_layers(to_device(token_ids), to_device(positions), attention, *recorder);
  recorder->finish();
  for (std::size_t index = 0; index < batch.size(); ++index) {
    batch[index]->pp = recorder->take_rows(spans[index].first_token, spans[index].tokens);
  }
  advance(*recorder, rows);
  const double seconds = stopwatch.seconds();
  for (std::size_t index = 0; index < batch.size(); ++index) {
    batch[index]->prefill_seconds =
        seconds * static_cast<double>(spans[index].tokens) / static_cast<double>(token_ids.size());
  }
}

void Generator::decode_step(std::span<Sequence*> unfinished) {
  const Stopwatch stopwatch;
  std::vector<std::int64_t> token_ids, positions;
  std::vector<double> token_alphas;
  std::vector<BranchSpan> spans;
  std::vector<KeptRow> rows;
  for (Sequence* const sequence : unfinished) {
    BranchSet& set = sequence->branches;
    BranchSpan span{
        .first_row = static_cast<std::int64_t>(token_ids.size()), .slots = {}, .cache = &set.cache()};
    for (std::size_t lane = 0; lane < set.lanes().size(); ++lane) {
      rows.push_back({sequence, lane, static_cast<std::int64_t>(token_ids.size())});
      span.slots.push_back(set.lanes()[lane].slot);
      token_ids.push_back(set.next_token(set.lanes()[lane]).value());
      positions.push_back(set.cache().prompt_length() + set.cache().response_length());
      if (sequence->alpha)
        token_alphas.push_back(options_.alphas[static_cast<std::size_t>(sequence->alpha->value())]);
    }
    spans.push_back(std::move(span));
  }
  DecodeAttention attention(std::move(spans));
  const auto recorder = make_recorder({}, std::move(token_alphas));
  model_.run_layers(to_device(token_ids), to_device(positions), attention, *recorder);
  recorder->finish();
  std::vector<Branch*> fed;
  for (const KeptRow& row : rows) {
    const TraceRows trace = recorder->take_rows(row.token, 1);
    for (const std::int64_t index : row.sequence->branches.lanes()[row.lane].branches) {
      Branch& branch = row.sequence->branches.branches()[static_cast<std::size_t>(index)];
      const bool all_sets = branch.spec.mode == LacMode::kTrace;
      append_row(branch.rg, trace, all_sets ? 0 : decision_set(branch.spec), all_sets ? trace.alphas : 1);
      fed.push_back(&branch);
    }
  }
  for (Sequence* const sequence : unfinished) sequence->branches.cache().advance();
  advance(*recorder, rows);
  for (Branch* const branch : fed)
    branch->decode_seconds += stopwatch.seconds() / static_cast<double>(fed.size());
}

bool Generator::append_token(Branch& branch, TokenId token) const {
  branch.tokens.push_back(token);
  const std::vector<TokenId>& stop_tokens = options_.stop_tokens;
  if (std::find(stop_tokens.begin(), stop_tokens.end(), token) != stop_tokens.end()) {
    branch.stop_reason = StopReason::kStopToken;
    return true;
  }
  return static_cast<std::int64_t>(branch.tokens.size()) >= options_.max_new_tokens;
}

std::vector<Generator::Reader> Generator::list_readers(const StreamRecorder& recorder,
                                                       std::span<const KeptRow> rows) const {
  std::vector<Reader> readers;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    BranchSet& set = rows[row].sequence->branches;
    for (const std::int64_t branch : set.lanes()[rows[row].lane].branches) {
      const BranchSpec& spec = set.branches()[static_cast<std::size_t>(branch)].spec;
      readers.push_back({rows[row].sequence, branch,
                         recorder.find_readout(static_cast<std::int64_t>(row), rows[row].token, spec.mode,
                                               decision_set(spec))});
    }
  }
  return readers;
}

std::vector<TokenId> Generator::choose_tokens(const StreamRecorder& recorder,
                                              std::span<const Reader> readers) {
  // Every state goes through the head once, however many branches read it.
  std::map<Readout, std::int64_t> logits_rows;
  for (const Reader& reader : readers) logits_rows.emplace(reader.readout, 0);
  std::vector<Readout> readouts;
  for (auto& [readout, logits_row] : logits_rows) {
    logits_row = static_cast<std::int64_t>(readouts.size());
    readouts.push_back(readout);
  }
  const at::Tensor final_states = model_.normalize(recorder.gather_states(readouts));
  const at::Tensor logits = model_.head.forward(final_states);
  std::vector<ChoiceContext> contexts;
  for (const Reader& reader : readers) {
    Branch& branch = reader.sequence->branches.branches()[static_cast<std::size_t>(reader.branch)];
    const std::int64_t row = logits_rows.at(reader.readout);
    contexts.push_back({.logits_row = row,
                        .question = &reader.sequence->prompt->question,
                        .branch = reader.sequence->first_branch + reader.branch,
                        .step = static_cast<std::int64_t>(branch.tokens.size())});
    if (!options_.keep_logits) continue;
    branch.logits.push_back(logits.select(0, row).to(at::kCPU, at::kFloat, false, true));
    branch.final_states.push_back(final_states.select(0, row).to(at::kCPU, at::kFloat, false, true));
  }
  return chooser_.choose(logits, contexts);
}

void Generator::advance(const StreamRecorder& recorder, std::span<const KeptRow> rows) {
  const std::vector<Reader> readers = list_readers(recorder, rows);
  const std::vector<TokenId> tokens = choose_tokens(recorder, readers);
  std::map<Sequence*, std::vector<bool>> is_done;
  for (std::size_t index = 0; index < readers.size(); ++index) {
    BranchSet& set = readers[index].sequence->branches;
    const auto branch = static_cast<std::size_t>(readers[index].branch);
    auto& flags = is_done.try_emplace(readers[index].sequence, set.branches().size(), true).first->second;
    flags[branch] = append_token(set.branches()[branch], tokens[index]);
  }
  for (auto& [sequence, flags] : is_done) sequence->branches.regroup(flags);
}

}  // namespace lacuna
