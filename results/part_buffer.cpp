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

}  // namespace

void TraceColumns::append(const TraceRows& rows) {
  row_offsets.push_back(row_offsets.back() + rows.tokens);
  append_positions(token, rows.tokens);
  norms.insert(norms.end(), rows.norms.begin(), rows.norms.end());
  active.insert(active.end(), rows.active.begin(), rows.active.end());
}

PartBuffer::PartBuffer(WorkUnit unit, std::int64_t layers, std::int64_t alphas,
                       const std::vector<LacMode>& modes)
    : unit_(std::move(unit)), layers_(layers), alphas_(alphas) {
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
  std::map<LacMode, std::vector<std::int32_t>> seen;
  for (const ResponseRecord& response : record.responses) {
    const bool is_trace = response.mode == LacMode::kTrace;
    if (!modes_.contains(response.mode) || is_trace == response.alpha.has_value()) {
      throw std::logic_error(fmt::format("unit {}: a response of mode {} {} a threshold", unit_.id,
                                         to_string(response.mode), response.alpha ? "with" : "without"));
    }
    const std::size_t tokens = response.token_ids.size();
    check_trace(response.rg, tokens == 0 ? 0 : tokens - 1, is_trace ? alphas_ : 1, "response");
    seen[response.mode].push_back(response.alpha ? response.alpha->value() : -1);
  }
  for (const auto& [mode, columns] : modes_) {
    std::vector<std::int32_t> expected = {-1};
    if (mode != LacMode::kTrace) {
      expected.clear();
      append_positions(expected, alphas_);
    }
    std::sort(seen[mode].begin(), seen[mode].end());
    if (seen[mode] != expected) {
      throw std::logic_error(
          fmt::format("unit {}: {} {} responses for question {} where one a threshold fits", unit_.id,
                      seen[mode].size(), to_string(mode), record.index));
    }
  }
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
  std::vector<const ResponseRecord*> responses;
  for (const ResponseRecord& response : record.responses) responses.push_back(&response);
  std::sort(responses.begin(), responses.end(),
            [](const ResponseRecord* a, const ResponseRecord* b) { return a->alpha < b->alpha; });
  for (const ResponseRecord* const response : responses) {
    add_response(record, *response, modes_[response->mode]);
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
}

}  // namespace lacuna
