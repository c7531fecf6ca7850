#include "worker/engine/continuation_scorer.h"

#include <algorithm>

#include "worker/nn/compute_device.h"

namespace lacuna {
namespace {

// The state that `readout` names predicts `token` of a continuation.
struct Prediction {
  Readout readout;
  TokenId token;
  ScoredContinuation* continuation = nullptr;
};

// Adds the log-probability of every prediction to its continuation, in the order given.
void add_predictions(const CausalLm& model, const StreamRecorder& recorder,
                     const std::vector<Prediction>& predictions) {
  std::vector<Readout> distinct;
  for (const Prediction& prediction : predictions) distinct.push_back(prediction.readout);
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());

  struct Outcome {
    double log_probability = 0;
    bool has_largest_logit = false;
  };
  std::vector<Outcome> outcomes(predictions.size());
  for (std::size_t first = 0; first < distinct.size(); first += kHeadRows) {
    const std::size_t last = std::min(first + kHeadRows, distinct.size());
    const std::span<const Readout> chunk = std::span(distinct).subspan(first, last - first);
    std::vector<std::size_t> members;
    std::vector<std::int64_t> rows, tokens;
    for (std::size_t index = 0; index < predictions.size(); ++index) {
      const auto found = std::lower_bound(chunk.begin(), chunk.end(), predictions[index].readout);
      if (found == chunk.end() || *found != predictions[index].readout) continue;
      members.push_back(index);
      rows.push_back(found - chunk.begin());
      tokens.push_back(predictions[index].token.value());
    }
    // Distinct and sorted, so row i of the logits is readout i of the chunk.
    const ReadLogits read = read_logits(model, recorder, chunk);
    const at::Tensor& logits = read.logits.all();
    const at::Tensor row_index = to_device(rows, logits.device());
    const at::Tensor token_index = to_device(tokens, logits.device());
    const at::Tensor log_probabilities = at::log_softmax(logits.to(at::kFloat), -1)
                                             .index_select(0, row_index)
                                             .gather(1, token_index.unsqueeze(1))
                                             .to(at::kCPU)
                                             .contiguous();
    const at::Tensor is_largest =
        read.logits.find_largest().index_select(0, row_index).eq(token_index).to(at::kCPU).contiguous();
    for (std::size_t i = 0; i < members.size(); ++i) {
      outcomes[members[i]] = {.log_probability = log_probabilities.data_ptr<float>()[i],
                              .has_largest_logit = is_largest.data_ptr<bool>()[i]};
    }
  }
  for (std::size_t index = 0; index < predictions.size(); ++index) {
    predictions[index].continuation->add(outcomes[index].log_probability, outcomes[index].has_largest_logit);
  }
}

// The continuations of one task on their way: branch b of the set is continuation b, under all specs.
class TaskInProgress {
 public:
  TaskInProgress(const ScoringTask& task, const PassSettings& settings)
      : task_(task), settings_(settings), branches_(make_branches(*task.continuations, *task.cache)) {
    for (const BranchSpec& spec : task.specs) {
      scores_.push_back({.spec = spec, .continuations = {}});
      scores_.back().continuations.resize(texts().size());
    }
  }

  [[nodiscard]] BranchSet& branches() { return branches_; }
  [[nodiscard]] const std::optional<AlphaIndex>& alpha() const { return task_.alpha; }
  [[nodiscard]] std::vector<SpecScores> take_scores() { return std::move(scores_); }

  // What the prompt pass predicts: the scored tokens at the prompt's end, and the first that follows it.
  void predict_from_prompt(const StreamRecorder& recorder, std::vector<Prediction>& predictions) {
    const std::int64_t inside = task_.continuations->scored_prompt_tokens;
    for (std::int64_t row = 0; row <= inside; ++row) {
      for (std::size_t text = 0; text < texts().size(); ++text) {
        if (row == inside && texts()[text].empty()) continue;
        const TokenId token = row < inside
                                  ? task_.prompt[task_.prompt.size() - static_cast<std::size_t>(inside - row)]
                                  : texts()[text].front();
        predict(recorder, task_.first_row + row, task_.first_token + row, text, token, predictions);
      }
    }
    std::vector<bool> is_done;
    for (std::size_t text = 0; text < texts().size(); ++text) is_done.push_back(!step(text));
    branches_.regroup(is_done);
  }

  // What a decode pass predicts that was fed this set's lanes.
  void predict_from_lanes(const StreamRecorder& recorder, std::span<const LaneRow> rows,
                          std::vector<Prediction>& predictions) {
    std::vector<bool> is_done(texts().size(), true);
    for (const LaneRow& row : rows) {
      for (const std::int64_t branch : branches_.lanes()[row.lane].branches) {
        const auto text = static_cast<std::size_t>(branch);
        predict(recorder, row.row, row.token, text, texts()[text][branches_.branches()[text].tokens.size()],
                predictions);
        is_done[text] = !step(text);
      }
    }
    branches_.regroup(is_done);
  }

 private:
  static BranchSet make_branches(const PromptContinuations& continuations, const SequenceCache& cache) {
    std::size_t longest = 0;
    for (const auto& tokens : continuations.tokens) longest = std::max(longest, tokens.size());
    return {std::vector<BranchSpec>(continuations.tokens.size()),
            cache.share_prompt(static_cast<std::int64_t>(longest))};
  }

  [[nodiscard]] const std::vector<std::vector<TokenId>>& texts() const { return task_.continuations->tokens; }

  void predict(const StreamRecorder& recorder, std::int64_t row, std::int64_t token_of_pass, std::size_t text,
               TokenId token, std::vector<Prediction>& predictions) {
    for (SpecScores& scores : scores_) {
      const BranchSpec& spec = scores.spec;
      predictions.push_back(
          {.readout = recorder.find_readout(row, token_of_pass, spec.mode, decision_set(settings_, spec)),
           .token = token,
           .continuation = &scores.continuations[text]});
    }
  }

  // Goes on to the token that was just predicted; false if none follows it, so that it need not be fed.
  bool step(std::size_t text) {
    std::vector<TokenId>& fed = branches_.branches()[text].tokens;
    if (fed.size() < texts()[text].size()) fed.push_back(texts()[text][fed.size()]);
    return fed.size() < texts()[text].size();
  }

  const ScoringTask& task_;
  const PassSettings& settings_;
  BranchSet branches_;
  std::vector<SpecScores> scores_;
};

}  // namespace

void ScoredContinuation::add(double log_probability, bool has_largest_logit) {
  ++tokens;
  log_likelihood += log_probability;
  is_greedy = is_greedy && has_largest_logit;
}

std::vector<std::vector<SpecScores>> score_continuations(const CausalLm& model, const PassSettings& settings,
                                                         const StreamRecorder& prompt_recorder,
                                                         std::span<const ScoringTask> tasks) {
  std::vector<TaskInProgress> in_progress;
  in_progress.reserve(tasks.size());
  std::vector<Prediction> predictions;
  for (const ScoringTask& task : tasks) {
    in_progress.emplace_back(task, settings).predict_from_prompt(prompt_recorder, predictions);
  }
  add_predictions(model, prompt_recorder, predictions);

  while (true) {
    std::vector<DecodeMember> members;
    std::vector<TaskInProgress*> unfinished;
    for (TaskInProgress& task : in_progress) {
      if (task.branches().finished()) continue;
      members.push_back({.branches = &task.branches(), .alpha = task.alpha()});
      unfinished.push_back(&task);
    }
    if (members.empty()) break;
    const DecodePass pass = run_decode_pass(model, settings, members);
    predictions.clear();
    for (auto first = pass.rows.begin(); first != pass.rows.end();) {
      const auto last = std::find_if(first, pass.rows.end(),
                                     [&](const LaneRow& row) { return row.member != first->member; });
      unfinished[first->member]->predict_from_lanes(*pass.recorder, {first, last}, predictions);
      first = last;
    }
    add_predictions(model, *pass.recorder, predictions);
  }

  std::vector<std::vector<SpecScores>> scores;
  for (TaskInProgress& task : in_progress) scores.push_back(task.take_scores());
  return scores;
}

}  // namespace lacuna
