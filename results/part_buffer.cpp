#include "results/part_buffer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "results/schema.h"

namespace lacuna {

namespace {

// HDF5 strings are UTF-8 without NUL: bytes that are not UTF-8 become U+FFFD, NUL becomes U+2400. The token
// ids beside a text say exactly what was generated.
std::string make_storable(const std::string& text) {
  using nlohmann::json;
  std::string clean = json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace));
  for (std::size_t at = clean.find('\0'); at != std::string::npos; at = clean.find('\0', at)) {
    clean.replace(at, 1, "\xE2\x90\x80");
  }
  return clean;
}

void append_positions(std::vector<std::int32_t>& positions, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) positions.push_back(static_cast<std::int32_t>(i));
}

void append_ids(std::vector<std::int32_t>& target, const std::vector<TokenId>& ids) {
  for (const TokenId id : ids) target.push_back(id.value());
}

std::int64_t size_of(const auto& container) {
  return static_cast<std::int64_t>(container.size());
}

template <class Answer>
std::vector<const Answer*> sort_by_alpha(const std::vector<Answer>& answers) {
  std::vector<const Answer*> sorted;
  for (const Answer& answer : answers) sorted.push_back(&answer);
  std::sort(sorted.begin(), sorted.end(),
            [](const Answer* a, const Answer* b) { return a->alpha < b->alpha; });
  return sorted;
}

}  // namespace

void TraceColumns::append(const TraceRows& rows) {
  row_offsets.push_back(row_offsets.back() + rows.tokens);
  append_positions(token, rows.tokens);
  norms.insert(norms.end(), rows.norms.begin(), rows.norms.end());
  active.insert(active.end(), rows.active.begin(), rows.active.end());
}

PartBuffer::PartBuffer(WorkUnit unit, std::int64_t layers, std::int64_t alphas,
                       const std::vector<LacMode>& modes, std::vector<Scoring> scoring)
    : unit_(std::move(unit)), layers_(layers), alphas_(alphas), scoring_(std::move(scoring)) {
  for (const LacMode mode : modes) modes_[mode];
}

void PartBuffer::check_trace(const TraceRows& rows, std::size_t tokens, std::int64_t alphas,
                             const char* what) const {
  const std::int64_t norms = rows.tokens * (layers_ + 1);
  const std::int64_t bytes = rows.tokens * alphas * packed_layer_bytes(layers_);
  if (rows.tokens != static_cast<std::int64_t>(tokens) || rows.layers != layers_ || rows.alphas != alphas ||
      size_of(rows.norms) != norms || size_of(rows.active) != bytes) {
    throw std::logic_error(fmt::format(
        "unit {}: {} trace of {} tokens, {} alphas, {} layers ({} norms, {} bytes) where {}, {}, {} fit",
        unit_.id, what, rows.tokens, rows.alphas, rows.layers, rows.norms.size(), rows.active.size(), tokens,
        alphas, layers_));
  }
}

void PartBuffer::check(const QuestionRecord& record) const {
  const std::int64_t position = question_count();
  if (position >= unit_.question_count || record.index.value() != unit_.first_question.value() + position) {
    throw std::logic_error(fmt::format("unit {}: question {} came at position {} of {} from {}", unit_.id,
                                       record.index, position, unit_.question_count, unit_.first_question));
  }
  const bool is_shared = unit_.stream == StreamKind::kShared;
  if (size_of(record.pp) != (is_shared ? 1 : alphas_)) {
    throw std::logic_error(fmt::format("unit {}: {} prompt traces", unit_.id, record.pp.size()));
  }
  for (const TraceRows& rows : record.pp) {
    check_trace(rows, record.prompt_ids.size(), is_shared ? alphas_ : 1, "prompt");
  }
  check_answers(record, record.responses, asks_for(Scoring::kGenerate), "response");
  check_answers(record, record.scores, asks_for(Scoring::kLoglik), "score");
  for (const ResponseRecord& response : record.responses) {
    const std::size_t tokens = response.token_ids.size();
    check_trace(response.rg, tokens == 0 ? 0 : tokens - 1, response.mode == LacMode::kTrace ? alphas_ : 1,
                "response");
  }
  for (const ScoreRecord& score : record.scores) {
    if (score.continuations.empty()) {
      throw std::logic_error(
          fmt::format("unit {}: a score of question {} without continuations", unit_.id, record.index));
    }
  }
}

template <class Answer>
void PartBuffer::check_answers(const QuestionRecord& record, const std::vector<Answer>& answers,
                               bool is_wanted, const char* what) const {
  std::map<LacMode, std::vector<std::int32_t>> seen;
  for (const Answer& answer : answers) {
    const bool is_trace = answer.mode == LacMode::kTrace;
    if (!modes_.contains(answer.mode) || is_trace == answer.alpha.has_value()) {
      throw std::logic_error(fmt::format("unit {}: a {} of mode {} {} a threshold", unit_.id, what,
                                         to_string(answer.mode), answer.alpha ? "with" : "without"));
    }
    seen[answer.mode].push_back(answer.alpha ? answer.alpha->value() : -1);
  }
  for (const auto& [mode, columns] : modes_) {
    std::vector<std::int32_t> expected;
    if (is_wanted && mode == LacMode::kTrace) expected.push_back(-1);
    if (is_wanted && mode != LacMode::kTrace) append_positions(expected, alphas_);
    std::sort(seen[mode].begin(), seen[mode].end());
    if (seen[mode] != expected) {
      throw std::logic_error(fmt::format("unit {}: {} {} {}s for question {} where {}", unit_.id,
                                         seen[mode].size(), to_string(mode), what, record.index,
                                         is_wanted ? "one a threshold fits" : "none was asked for"));
    }
  }
}

bool PartBuffer::asks_for(Scoring wanted) const {
  return std::find(scoring_.begin(), scoring_.end(), wanted) != scoring_.end();
}

void PartBuffer::add_prompt(const QuestionRecord& record, ModeColumns& columns) {
  const bool is_shared = unit_.stream == StreamKind::kShared;
  for (std::size_t i = 0; i < record.pp.size(); ++i) {
    columns.prompt_question.push_back(record.index.value());
    columns.prompt_alpha.push_back(is_shared ? -1 : static_cast<std::int32_t>(i));
    columns.pp.append(record.pp[i]);
  }
  columns.timed_question.push_back(record.index.value());
  columns.prefill_seconds.push_back(record.prefill_seconds);
}

void PartBuffer::add_response(const QuestionRecord& record, const ResponseRecord& response,
                              ModeColumns& columns) {
  columns.question.push_back(record.index.value());
  columns.alpha.push_back(response.alpha ? response.alpha->value() : -1);
  append_positions(columns.token, size_of(response.token_ids));
  append_ids(columns.token_ids, response.token_ids);
  columns.token_offsets.push_back(size_of(columns.token_ids));
  columns.text.push_back(make_storable(response.text));
  columns.choice.push_back(make_storable(response.choice));
  columns.correct.push_back(response.correct ? 1 : 0);
  columns.stop_reason.push_back(static_cast<std::uint8_t>(response.stop_reason));
  columns.rg.append(response.rg);
  columns.decode_seconds.push_back(response.decode_seconds);
}

void LoglikColumns::append(QuestionIndex index, const ScoreRecord& score) {
  question.push_back(index.value());
  alpha.push_back(score.alpha ? score.alpha->value() : -1);
  append_positions(continuation, size_of(score.continuations));
  for (const ContinuationScore& scored : score.continuations) {
    continuation_choice.push_back(make_storable(scored.choice));
    token_count.push_back(scored.tokens);
    character_count.push_back(scored.characters);
    log_likelihood.push_back(scored.log_likelihood);
    is_greedy.push_back(scored.is_greedy ? 1 : 0);
  }
  continuation_offsets.push_back(size_of(continuation));
  choice.push_back(make_storable(score.choice));
  correct.push_back(score.correct ? 1 : 0);
  choice_normalized.push_back(make_storable(score.choice_normalized));
  correct_normalized.push_back(score.correct_normalized ? 1 : 0);
}

void LoglikColumns::write(Hdf5File& file, const std::string& group, const std::string& sweep) const {
  ColumnGroupWriter writer(file, group, sweep, schema::kLoglikColumns,
                           {.items = size_of(question), .ragged = size_of(continuation)});
  writer.write(schema::kContinuation, continuation);
  writer.write(schema::kQuestionIndex, question);
  writer.write(schema::kAlphaIndex, alpha);
  writer.write(schema::kContinuationOffsets, continuation_offsets);
  writer.write(schema::kContinuationChoice, continuation_choice);
  writer.write(schema::kTokenCount, token_count);
  writer.write(schema::kCharacterCount, character_count);
  writer.write(schema::kLogLikelihood, log_likelihood);
  writer.write(schema::kIsGreedy, is_greedy);
  writer.write(schema::kChoice, choice);
  writer.write(schema::kCorrect, correct);
  writer.write(schema::kChoiceNormalized, choice_normalized);
  writer.write(schema::kCorrectNormalized, correct_normalized);
  writer.finish();
}

void PartBuffer::add(const QuestionRecord& record) {
  check(record);
  index_.push_back(record.index.value());
  id_.push_back(make_storable(record.id.value()));
  subject_.push_back(make_storable(record.subject));
  gold_.push_back(make_storable(record.gold));
  append_positions(prompt_token_, size_of(record.prompt_ids));
  append_ids(prompt_token_ids_, record.prompt_ids);
  prompt_token_offsets_.push_back(size_of(prompt_token_ids_));
  const LacMode stream_mode = unit_.stream == StreamKind::kShared ? LacMode::kTrace : LacMode::kPropagate;
  add_prompt(record, modes_[stream_mode]);
  for (const ResponseRecord* const response : sort_by_alpha(record.responses)) {
    add_response(record, *response, modes_[response->mode]);
  }
  for (const ScoreRecord* const score : sort_by_alpha(record.scores)) {
    modes_[score->mode].loglik.append(record.index, *score);
  }
}

void PartBuffer::write(Hdf5File& file, const std::string& sweep, bool norms) const {
  ColumnGroupWriter questions(file, schema::question_group(sweep), sweep, schema::kQuestionColumns,
                              {.items = question_count(), .ragged = size_of(prompt_token_ids_)});
  questions.write(schema::kIndex, index_);
  questions.write(schema::kToken, prompt_token_);
  questions.write(schema::kId, id_);
  questions.write(schema::kSubject, subject_);
  questions.write(schema::kGold, gold_);
  questions.write(schema::kPromptTokenOffsets, prompt_token_offsets_);
  questions.write(schema::kPromptTokenIds, prompt_token_ids_);
  questions.finish();
  for (const auto& [mode, columns] : modes_) write_mode(file, sweep, mode, columns, norms);
}

void PartBuffer::write_mode(Hdf5File& file, const std::string& sweep, LacMode mode,
                            const ModeColumns& columns, bool norms) const {
  const std::string group = schema::mode_group(sweep, mode);
  const bool all_alphas = mode == LacMode::kTrace;
  GroupShape shape{.layers = layers_, .alphas = alphas_, .has_alpha_axis = all_alphas, .norms = norms};
  if (mode == LacMode::kExit) {  // the stream is that of trace
    file.create_group(group);
    file.create_hard_link(schema::prompt_group(schema::mode_group(sweep, LacMode::kTrace)),
                          schema::prompt_group(group));
  } else {
    shape.items = size_of(columns.prompt_question);
    shape.ragged = size_of(columns.pp.token);
    ColumnGroupWriter pp(file, schema::prompt_group(group), sweep, schema::kPromptColumns, shape);
    pp.write(schema::kToken, columns.pp.token);
    pp.write(schema::kQuestionIndex, columns.prompt_question);
    pp.write(schema::kAlphaIndex, columns.prompt_alpha);
    pp.write(schema::kRowOffsets, columns.pp.row_offsets);
    pp.write(schema::kNorms, columns.pp.norms);
    pp.write(schema::kActive, columns.pp.active);
    pp.finish();
    shape.items = size_of(columns.timed_question);
    ColumnGroupWriter timing(file, schema::timing_group(group), sweep, schema::kPrefillTimingColumns, shape);
    timing.write(schema::kQuestionIndex, columns.timed_question);
    timing.write(schema::kPrefillSeconds, columns.prefill_seconds);
    timing.finish();
  }
  shape.items = size_of(columns.question);
  shape.ragged = size_of(columns.token_ids);
  ColumnGroupWriter response(file, schema::response_group(group), sweep, schema::kResponseColumns, shape);
  response.write(schema::kToken, columns.token);
  response.write(schema::kQuestionIndex, columns.question);
  response.write(schema::kAlphaIndex, columns.alpha);
  response.write(schema::kTokenOffsets, columns.token_offsets);
  response.write(schema::kTokenIds, columns.token_ids);
  response.write(schema::kText, columns.text);
  response.write(schema::kChoice, columns.choice);
  response.write(schema::kCorrect, columns.correct);
  response.write(schema::kStopReason, columns.stop_reason);
  response.finish();
  shape.ragged = size_of(columns.rg.token);
  ColumnGroupWriter rg(file, schema::generation_group(group), sweep, schema::kGenerationColumns, shape);
  rg.write(schema::kToken, columns.rg.token);
  rg.write(schema::kRowOffsets, columns.rg.row_offsets);
  rg.write(schema::kNorms, columns.rg.norms);
  rg.write(schema::kActive, columns.rg.active);
  rg.finish();
  ColumnGroupWriter timing(file, schema::timing_group(group), sweep, schema::kDecodeTimingColumns, shape);
  timing.write(schema::kDecodeSeconds, columns.decode_seconds);
  timing.finish();
  if (asks_for(Scoring::kLoglik)) columns.loglik.write(file, schema::loglik_group(group), sweep);
}

}  // namespace lacuna
