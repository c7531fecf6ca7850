#include "results/author_json.h"

#include <nlohmann/json.hpp>

namespace lacuna {

namespace {

using nlohmann::ordered_json;

// [token id, a_0 ... a_(L-1)]
ordered_json decision_row(TokenId token, const TraceRows& rows, std::int64_t row, std::int64_t alpha) {
  ordered_json entry = ordered_json::array({token.value()});
  for (std::int64_t layer = 0; layer < rows.layers; ++layer) {
    entry.push_back(rows.is_active(row, alpha, layer) ? 1 : 0);
  }
  return entry;
}

// The norm after layer `layer`; the embedding's comes first in a row and is not part of the layout.
double norm_after(const TraceRows& rows, std::int64_t row, std::int64_t layer) {
  return static_cast<double>(rows.norms[static_cast<std::size_t>(row * (rows.layers + 1) + layer + 1)]);
}

// A batch of one.
ordered_json in_batch(ordered_json value) {
  ordered_json batch = ordered_json::array();
  batch.push_back(std::move(value));
  return batch;
}

ordered_json prompt_decisions(const QuestionRecord& question, const TraceRows& pp, std::int64_t alpha) {
  ordered_json rows = ordered_json::array();
  for (std::int64_t row = 0; row < pp.tokens; ++row) {
    rows.push_back(decision_row(question.prompt_ids[static_cast<std::size_t>(row)], pp, row, alpha));
  }
  return in_batch(in_batch(std::move(rows)));
}

ordered_json prompt_norms(const TraceRows& pp) {
  ordered_json layers = ordered_json::array();
  for (std::int64_t layer = 0; layer < pp.layers; ++layer) {
    ordered_json tokens = ordered_json::array();
    for (std::int64_t row = 0; row < pp.tokens; ++row) tokens.push_back(norm_after(pp, row, layer));
    layers.push_back(in_batch(std::move(tokens)));
  }
  return in_batch(std::move(layers));
}

ordered_json response_decisions(const ResponseRecord& response, std::int64_t alpha) {
  ordered_json steps = ordered_json::array();
  for (std::int64_t step = 0; step < response.rg.tokens; ++step) {
    const TokenId chosen = response.token_ids[static_cast<std::size_t>(step + 1)];
    steps.push_back(in_batch(in_batch(decision_row(chosen, response.rg, step, alpha))));
  }
  return steps;
}

ordered_json response_norms(const TraceRows& rg) {
  ordered_json steps = ordered_json::array();
  for (std::int64_t step = 0; step < rg.tokens; ++step) {
    ordered_json layers = ordered_json::array();
    for (std::int64_t layer = 0; layer < rg.layers; ++layer) {
      layers.push_back(in_batch(in_batch(norm_after(rg, step, layer))));
    }
    steps.push_back(std::move(layers));
  }
  return steps;
}

// The released code keeps BoolQ's key as a boolean.
ordered_json answer_value(const std::string& answer) {
  if (answer == "true" || answer == "false") return answer == "true";
  return answer;
}

}  // namespace

std::string render_author_json(const QuestionRecord& question, const ResponseRecord& response,
                               const TraceRows& pp, std::int64_t pp_alpha, std::int64_t rg_alpha) {
  const bool has_texts = question.author_texts.has_value();
  const AuthorTexts texts = has_texts ? *question.author_texts
                                      : AuthorTexts{.question = question.id.value(),
                                                    .subject = question.subject,
                                                    .prompt = "",
                                                    .true_answer = question.gold};
  const ordered_json message = {{"role", "user"}, {"content", texts.prompt}};
  ordered_json sample;
  sample["question"] = in_batch(texts.question);
  if (!texts.subject.empty()) sample["subject"] = in_batch(texts.subject);
  sample["prompt"] = in_batch(in_batch(message));
  sample["true_answer"] = in_batch(answer_value(texts.true_answer));
  sample["model_answer"] = in_batch(has_texts ? response.author_answer : response.text);
  sample["pp_phase"] = prompt_decisions(question, pp, pp_alpha);
  sample["rg_phase"] = response_decisions(response, rg_alpha);
  sample["prompt_l2"] = prompt_norms(pp);
  sample["response_l2"] = response_norms(response.rg);
  // As Python's json module writes it: \u escapes for all that is not ASCII.
  return sample.dump(2, ' ', true, ordered_json::error_handler_t::replace);
}

}  // namespace lacuna
