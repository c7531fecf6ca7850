#include "worker/engine/generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "core/error.h"
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

void check_tokens(std::span<const TokenId> tokens, std::string_view what, const QuestionId& question,
                  std::int64_t vocabulary) {
  for (const TokenId token : tokens) {
    if (token.value() >= 0 && token.value() < vocabulary) continue;
    throw InputError({.problem = fmt::format("token {} in {} of question '{}'", token, what, question),
                      .why = fmt::format("the model's vocabulary has {} entries", vocabulary),
                      .suggestion = "check that tokenizer.json belongs to this checkpoint"});
  }
}

void check_prompt(const GeneratorPrompt& prompt, std::int64_t vocabulary) {
  if (prompt.token_ids.empty()) {
    throw InputError({.problem = fmt::format("the prompt of question '{}' is empty", prompt.question)});
  }
  if (static_cast<std::int64_t>(prompt.token_ids.size()) <= prompt.continuations.scored_prompt_tokens) {
    throw InputError(
        {.problem = fmt::format("the prompt of question '{}' has no token before those that are scored",
                                prompt.question),
         .why = "a token's probability is read at the token before it, and all of the prompt is part of the "
                "continuations"});
  }
  check_tokens(prompt.token_ids, "the prompt", prompt.question, vocabulary);
  for (const std::vector<TokenId>& tokens : prompt.continuations.tokens) {
    check_tokens(tokens, "a continuation", prompt.question, vocabulary);
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
    : model_(model),
      chooser_(chooser),
      options_(std::move(options)),
      settings_{.stream = options_.stream,
                .alphas = options_.alphas,
                .norm_precision = options_.norm_precision,
                .keep_alive = options_.keep_alive} {}

std::vector<Generator::Sequence> Generator::lay_out_sequences(
    std::span<const GeneratorPrompt> prompts) const {
  std::vector<Sequence> sequences;
  const auto make_cache = [&](const GeneratorPrompt& prompt) {
    return SequenceCache(
        model_.architecture.layers,
        {.prompt = static_cast<std::int64_t>(prompt.token_ids.size()), .response = options_.max_new_tokens});
  };
  const auto add = [&](std::size_t question, std::vector<BranchSpec> branches, std::int64_t first_branch) {
    const std::optional<AlphaIndex> alpha =
        options_.stream == StreamKind::kPropagate ? branches.front().alpha : std::nullopt;
    sequences.push_back({.prompt = &prompts[question],
                         .question = question,
                         .alpha = alpha,
                         .first_branch = first_branch,
                         .branches = BranchSet(std::move(branches), make_cache(prompts[question])),
                         .pp = {}});
    if (!prompts[question].wants_answers) sequences.back().branches.finish();
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
    std::move(sequence.scores.begin(), sequence.scores.end(), std::back_inserter(question.scores));
    if (!sequence.prompt->wants_answers) continue;
    for (Branch& branch : sequence.branches.branches()) question.branches.push_back(std::move(branch));
  }
  return questions;
}

void Generator::prefill(std::span<Sequence*> batch) {
  const Stopwatch stopwatch;
  PackedPass pass(model_, settings_);
  std::vector<PromptSpan> spans;
  std::vector<LaneRow> rows;
  std::vector<std::int64_t> kept_tokens;
  for (std::size_t member = 0; member < batch.size(); ++member) {
    Sequence& sequence = *batch[member];
    const std::int64_t first = pass.size();
    for (const TokenId token : sequence.prompt->token_ids) {
      pass.add(token, pass.size() - first, sequence.alpha);
    }
    spans.push_back({first, pass.size() - first, &sequence.branches.cache()});
    // The last token's state, and of those before it that predict a token that is scored.
    const std::int64_t last = pass.size() - 1;
    for (std::int64_t token = last - sequence.prompt->continuations.scored_prompt_tokens; token <= last;
         ++token)
      kept_tokens.push_back(token);
    rows.push_back({.member = member,
                    .lane = 0,
                    .row = static_cast<std::int64_t>(kept_tokens.size()) - 1,
                    .token = last});
  }
  PrefillAttention attention(spans);
  const auto recorder = pass.run(attention, kept_tokens);
  for (std::size_t index = 0; index < batch.size(); ++index) {
    batch[index]->pp = recorder->take_rows(spans[index].first_token, spans[index].tokens);
  }
  const double pass_seconds = stopwatch.seconds();
  score(*recorder, batch, rows);
  const Stopwatch choosing;
  std::erase_if(rows, [&](const LaneRow& row) {
    BranchSet& branches = batch[row.member]->branches;
    if (!branches.finished()) return false;
    branches.cache() = SequenceCache(model_.architecture.layers, {});  // nobody reads it any more
    return true;
  });
  if (!rows.empty()) advance(*recorder, batch, rows);
  const double seconds = pass_seconds + choosing.seconds();
  for (std::size_t index = 0; index < batch.size(); ++index) {
    batch[index]->prefill_seconds =
        seconds * static_cast<double>(spans[index].tokens) / static_cast<double>(pass.size());
  }
}

void Generator::score(const StreamRecorder& recorder, std::span<Sequence*> batch,
                      std::span<const LaneRow> rows) const {
  std::vector<ScoringTask> tasks;
  std::vector<Sequence*> scored;
  for (const LaneRow& row : rows) {
    Sequence& sequence = *batch[row.member];
    const PromptContinuations& continuations = sequence.prompt->continuations;
    if (continuations.empty()) continue;
    ScoringTask task{.prompt = sequence.prompt->token_ids,
                     .continuations = &continuations,
                     .specs = {},
                     .alpha = sequence.alpha,
                     .cache = &sequence.branches.cache(),
                     .first_row = row.row - continuations.scored_prompt_tokens,
                     .first_token = row.token - continuations.scored_prompt_tokens};
    for (const Branch& branch : sequence.branches.branches()) task.specs.push_back(branch.spec);
    tasks.push_back(std::move(task));
    scored.push_back(&sequence);
  }
  if (tasks.empty()) return;
  auto scores = score_continuations(model_, settings_, recorder, tasks);
  for (std::size_t index = 0; index < scored.size(); ++index) {
    scored[index]->scores = std::move(scores[index]);
  }
}

void Generator::decode_step(std::span<Sequence*> unfinished) {
  const Stopwatch stopwatch;
  std::vector<DecodeMember> members;
  for (Sequence* const sequence : unfinished) members.push_back({&sequence->branches, sequence->alpha});
  const DecodePass pass = run_decode_pass(model_, settings_, members);
  std::vector<Branch*> fed;
  for (const LaneRow& row : pass.rows) {
    const TraceRows trace = pass.recorder->take_rows(row.token, 1);
    BranchSet& set = unfinished[row.member]->branches;
    for (const std::int64_t index : set.lanes()[row.lane].branches) {
      Branch& branch = set.branches()[static_cast<std::size_t>(index)];
      const bool all_sets = branch.spec.mode == LacMode::kTrace;
      append_row(branch.rg, trace, all_sets ? 0 : decision_set(settings_, branch.spec),
                 all_sets ? trace.alphas : 1);
      fed.push_back(&branch);
    }
  }
  advance(*pass.recorder, unfinished, pass.rows);
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
                                                       std::span<Sequence* const> members,
                                                       std::span<const LaneRow> rows) const {
  std::vector<Reader> readers;
  for (const LaneRow& row : rows) {
    Sequence* const sequence = members[row.member];
    BranchSet& set = sequence->branches;
    for (const std::int64_t branch : set.lanes()[row.lane].branches) {
      const BranchSpec& spec = set.branches()[static_cast<std::size_t>(branch)].spec;
      readers.push_back(
          {sequence, branch,
           recorder.find_readout(row.row, row.token, spec.mode, decision_set(settings_, spec))});
    }
  }
  return readers;
}

std::vector<TokenId> Generator::choose_tokens(const StreamRecorder& recorder,
                                              std::span<const Reader> readers) {
  std::vector<Readout> readouts;
  for (const Reader& reader : readers) readouts.push_back(reader.readout);
  const ReadLogits read = read_logits(model_, recorder, readouts);
  std::vector<ChoiceContext> contexts;
  for (std::size_t index = 0; index < readers.size(); ++index) {
    const Reader& reader = readers[index];
    Branch& branch = reader.sequence->branches.branches()[static_cast<std::size_t>(reader.branch)];
    contexts.push_back({.logits_row = read.rows[index],
                        .question = &reader.sequence->prompt->question,
                        .branch = reader.sequence->first_branch + reader.branch,
                        .step = static_cast<std::int64_t>(branch.tokens.size())});
    if (!options_.keep_logits) continue;
    const auto copy_row = [&](const at::Tensor& tensor) {
      return tensor.select(0, read.rows[index]).to(at::kCPU, at::kFloat, false, true);
    };
    branch.logits.push_back(copy_row(read.logits));
    branch.final_states.push_back(copy_row(read.final_states));
  }
  return chooser_.choose(read.logits, contexts);
}

void Generator::advance(const StreamRecorder& recorder, std::span<Sequence* const> members,
                        std::span<const LaneRow> rows) {
  const std::vector<Reader> readers = list_readers(recorder, members, rows);
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
