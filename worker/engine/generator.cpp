#include "worker/engine/generator.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>

#include "core/error.h"
#include "worker/engine/out_of_memory.h"
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

// Appends a later part of a prompt's trace.
void append_rows(TraceRows& trace, TraceRows rows) {
  if (trace.tokens == 0) {
    trace = std::move(rows);
    return;
  }
  trace.tokens += rows.tokens;
  trace.norms.insert(trace.norms.end(), rows.norms.begin(), rows.norms.end());
  trace.active.insert(trace.active.end(), rows.active.begin(), rows.active.end());
}

// Where halving ends: fewer tokens a pass would hardly need less.
constexpr std::int64_t kLeastPassTokens = 32;

// To the worker's error stream, which mpirun and SLURM collect.
template <class... Args>
void warn(fmt::format_string<Args...> text, Args&&... args) {
  fmt::print(stderr, "warning: {}\n", fmt::format(text, std::forward<Args>(args)...));
}

ErrorText describe_lack_of_memory(std::int64_t prompt_tokens) {
  return {.problem = fmt::format("out of memory with a single prompt of {} tokens in passes of {}",
                                 prompt_tokens, kLeastPassTokens),
          .suggestion = "use fewer workers a node or a machine with more memory"};
}

}  // namespace

Generator::Generator(const CausalLm& model, TokenChooser& chooser, GeneratorOptions options)
    : model_(model),
      chooser_(chooser),
      options_(std::move(options)),
      settings_{.stream = options_.stream,
                .alphas = options_.alphas,
                .norm_precision = options_.norm_precision,
                .keep_alive = options_.keep_alive,
                .attention = options_.attention} {}

std::vector<GeneratedQuestion> Generator::generate(std::span<const GeneratorPrompt> prompts) {
  const at::NoGradGuard no_grad;
  const std::vector<SequencePlan> plans = plan_sequences(prompts, options_, model_.architecture.vocabulary);
  std::vector<GeneratedQuestion> questions(prompts.size());
  work_off(plans, options_.batch_tokens, [&](Sequence& sequence) {
    GeneratedQuestion& question = questions[sequence.question];
    question.pp.push_back(std::move(sequence.pp));
    question.prefill_seconds += sequence.prefill_seconds;
    std::move(sequence.scores.begin(), sequence.scores.end(), std::back_inserter(question.scores));
    if (!sequence.prompt->wants_answers) return;
    for (Branch& branch : sequence.branches.branches()) question.branches.push_back(std::move(branch));
  });
  return questions;
}

void Generator::work_off(std::span<const SequencePlan> plans, std::int64_t pass_tokens,
                         const std::function<void(Sequence&)>& done) {
  const std::int64_t cache_bytes = count_cache_bytes(plans, options_, model_);
  const std::int64_t prompt_tokens = std::accumulate(
      plans.begin(), plans.end(), std::int64_t{0}, [](std::int64_t sum, const SequencePlan& plan) {
        return sum + static_cast<std::int64_t>(plan.prompt->token_ids.size());
      });
  const std::int64_t largest_pass = std::min(pass_tokens, prompt_tokens);
  const bool can_shrink = plans.size() > 1 || largest_pass > kLeastPassTokens;
  if (options_.memory == nullptr || options_.memory->allows(largest_pass, cache_bytes) || !can_shrink) {
    try {
      if (options_.memory != nullptr) options_.memory->begin();
      for (Sequence& sequence : run_together(plans, pass_tokens)) done(sequence);
      if (options_.memory != nullptr) options_.memory->learn(largest_pass, cache_bytes);
      return;
    } catch (const std::exception& error) {
      if (!is_out_of_memory(error)) throw;
      if (!can_shrink) throw SystemError(describe_lack_of_memory(prompt_tokens));
    }
  }
  // Half of the prompts; of a single one half of the tokens that go through the model together.
  if (plans.size() > 1) {
    warn("{} prompts at a time need more memory than there is; going on with half of them", plans.size());
    const std::size_t half = (plans.size() + 1) / 2;
    work_off(plans.first(half), pass_tokens, done);
    work_off(plans.subspan(half), pass_tokens, done);
  } else {
    const std::int64_t fewer = std::max(kLeastPassTokens, (largest_pass + 1) / 2);
    warn("a pass of {} tokens needs more memory than there is; going on with {}", largest_pass, fewer);
    work_off(plans, fewer, done);
  }
}

std::vector<Sequence> Generator::run_together(std::span<const SequencePlan> plans, std::int64_t pass_tokens) {
  std::vector<Sequence> sequences = begin_sequences(plans, options_, model_);
  std::vector<PromptExtent> extents;
  for (const SequencePlan& plan : plans) {
    extents.push_back({.tokens = static_cast<std::int64_t>(plan.prompt->token_ids.size()),
                       .tail = plan.prompt->continuations.scored_prompt_tokens + 1});
  }
  for (const std::vector<PromptPiece>& pieces : pack_prompts(extents, pass_tokens)) {
    prefill(sequences, pieces);
  }
  while (true) {
    std::vector<Sequence*> unfinished;
    for (Sequence& sequence : sequences) {
      if (!sequence.branches.finished()) unfinished.push_back(&sequence);
    }
    if (unfinished.empty()) return sequences;
    decode_step(unfinished);
  }
}

void Generator::prefill(std::span<Sequence> sequences, std::span<const PromptPiece> pieces) {
  const Stopwatch stopwatch;
  PackedPass pass(model_, settings_);
  std::vector<PromptSpan> spans;
  std::vector<Sequence*> batch;
  std::vector<LaneRow> rows;
  std::vector<std::int64_t> kept_tokens;
  for (const PromptPiece& piece : pieces) {
    Sequence& sequence = sequences[piece.prompt];
    spans.push_back({.first_token = pass.size(),
                     .tokens = piece.tokens,
                     .cache = &sequence.branches.cache(),
                     .position = piece.first});
    for (std::int64_t position = piece.first; position < piece.first + piece.tokens; ++position) {
      pass.add(sequence.prompt->token_ids[static_cast<std::size_t>(position)], position, sequence.alpha);
    }
    batch.push_back(&sequence);
    if (!piece.is_last) continue;
    // The last token's state, and of those before it that predict a token that is scored.
    const std::int64_t last = pass.size() - 1;
    for (std::int64_t token = last - sequence.prompt->continuations.scored_prompt_tokens; token <= last;
         ++token)
      kept_tokens.push_back(token);
    rows.push_back({.member = batch.size() - 1,
                    .lane = 0,
                    .row = static_cast<std::int64_t>(kept_tokens.size()) - 1,
                    .token = last});
  }
  if (kept_tokens.empty())
    kept_tokens.push_back(0);  // nobody reads a state of this pass; none would mean all
  PrefillAttention attention(spans, options_.attention);
  const auto recorder = pass.run(attention, kept_tokens);
  for (std::size_t index = 0; index < batch.size(); ++index) {
    append_rows(batch[index]->pp, recorder->take_rows(spans[index].first_token, spans[index].tokens));
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
    batch[index]->prefill_seconds +=
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

std::size_t Generator::count_head_rows() const {
  if (options_.keep_logits) return kHeadRows;
  // On a GPU even their logits are little memory, and every round waits for the device.
  const bool are_few = model_.device().is_cpu() && !HeadLogits::finds_largest_alone(model_.head);
  return are_few ? kHeadRows : kManyHeadRows;
}

std::vector<TokenId> Generator::choose_tokens(const StreamRecorder& recorder,
                                              std::span<const Reader> readers) {
  // Readers by state, so that those of one state are served by one row of logits.
  std::vector<std::size_t> order(readers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t index) { return readers[index].readout; });
  std::vector<TokenId> tokens(readers.size());
  const std::size_t most = count_head_rows();
  for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
    std::size_t states = 0;
    for (; last < order.size(); ++last) {
      const bool is_new = last == first || readers[order[last]].readout != readers[order[last - 1]].readout;
      if (is_new && ++states > most) break;
    }
    choose_tokens_of(recorder, readers, std::span(order).subspan(first, last - first), tokens);
  }
  return tokens;
}

void Generator::choose_tokens_of(const StreamRecorder& recorder, std::span<const Reader> readers,
                                 std::span<const std::size_t> members, std::vector<TokenId>& tokens) {
  std::vector<Readout> readouts;
  for (const std::size_t index : members) readouts.push_back(readers[index].readout);
  const ReadLogits read = read_logits(model_, recorder, readouts);
  std::vector<ChoiceContext> contexts;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Reader& reader = readers[members[i]];
    Branch& branch = reader.sequence->branches.branches()[static_cast<std::size_t>(reader.branch)];
    contexts.push_back({.logits_row = read.rows[i],
                        .question = &reader.sequence->prompt->question,
                        .branch = reader.sequence->first_branch + reader.branch,
                        .step = static_cast<std::int64_t>(branch.tokens.size())});
    if (!options_.keep_logits) continue;
    const auto copy_row = [&](const at::Tensor& tensor) {
      return tensor.select(0, read.rows[i]).to(at::kCPU, at::kFloat, false, true);
    };
    branch.logits.push_back(copy_row(read.logits.all()));
    branch.final_states.push_back(copy_row(read.final_states));
  }
  const std::vector<TokenId> chosen = chooser_.choose(read.logits, contexts);
  for (std::size_t i = 0; i < members.size(); ++i) tokens[members[i]] = chosen[i];
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
