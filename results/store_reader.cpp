#include "results/store_reader.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "core/error.h"
#include "results/hdf5_file.h"
#include "results/schema.h"

namespace lacuna {

namespace {

[[noreturn]] void refuse(const std::filesystem::path& file, std::string why, std::string suggestion = "") {
  throw InputError({.problem = fmt::format("cannot use '{}'", file.string()),
                    .why = std::move(why),
                    .suggestion = std::move(suggestion)});
}

// A trace on disk: offsets in memory, rows on demand.
class TraceGroup {
 public:
  TraceGroup(const Hdf5File& file, const std::string& group, std::int64_t layers, std::int64_t alphas)
      : layers_(layers),
        alphas_(alphas),
        offsets_(file.read<std::int64_t>(schema::child(group, schema::kRowOffsets)).values),
        active_(file.open_dataset(schema::child(group, schema::kActive))) {
    const std::string norms = schema::child(group, schema::kNorms);
    if (file.is_dataset(norms)) norms_.emplace(file.open_dataset(norms));
    const std::int64_t row_bytes = alphas_ * packed_layer_bytes(layers_);
    if (active_.row_elements() != row_bytes || (norms_ && norms_->row_elements() != layers_ + 1)) {
      refuse(file.path(), fmt::format("the shape of the traces in '{}' does not fit its layers", group));
    }
  }

  [[nodiscard]] std::int64_t items() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }

  [[nodiscard]] TraceRows read(std::int64_t item, bool with_norms) const {
    const std::int64_t first = offsets_.at(static_cast<std::size_t>(item));
    TraceRows rows;
    rows.tokens = offsets_.at(static_cast<std::size_t>(item) + 1) - first;
    rows.alphas = alphas_;
    rows.layers = layers_;
    rows.active = active_.read_rows<std::uint8_t>(first, rows.tokens);
    if (norms_ && with_norms) rows.norms = norms_->read_rows<float>(first, rows.tokens);
    return rows;
  }

 private:
  std::int64_t layers_;
  std::int64_t alphas_;
  std::vector<std::int64_t> offsets_;
  Hdf5Dataset active_;
  std::optional<Hdf5Dataset> norms_;
};

struct StoredMode {
  std::vector<QuestionIndex> prompt_questions;
  std::vector<AlphaIndex> prompt_alphas;
  TraceGroup pp;
  std::string response_group;
  std::int64_t responses = 0;
  TraceGroup rg;
  std::string loglik_group = {};  // empty: no log-likelihoods
  std::int64_t scores = 0;
};

// Rows of a group's columns.
class ColumnReader {
 public:
  ColumnReader(const Hdf5File& file, const std::string& group) : file_(file), group_(group) {}

  template <class T>
  [[nodiscard]] std::vector<T> read(std::string_view column, std::int64_t first, std::int64_t count) const {
    return file_.open_dataset(schema::child(group_, column)).read_rows<T>(first, count);
  }

 private:
  const Hdf5File& file_;
  const std::string& group_;
};

template <class Id>
std::vector<Id> read_ids(const Hdf5File& file, const std::string& path) {
  std::vector<Id> ids;
  for (const typename Id::rep value : file.read<typename Id::rep>(path).values) ids.emplace_back(value);
  return ids;
}

}  // namespace

struct StoredSweep::State {
  std::shared_ptr<const Hdf5File> file;
  std::string model;
  std::string benchmark;
  std::int64_t layers = 0;
  std::vector<double> alphas;
  std::vector<QuestionIndex> questions;
  std::map<LacMode, StoredMode> modes;

  [[nodiscard]] const StoredMode& mode(LacMode mode) const {
    const auto found = modes.find(mode);
    if (found == modes.end()) throw std::logic_error(fmt::format("a store without mode {}", to_string(mode)));
    return found->second;
  }

  void load_mode(const std::string& sweep, LacMode mode) {
    const std::string group = schema::mode_group(sweep, mode);
    if (!file->is_group(group)) return;
    const auto all = static_cast<std::int64_t>(alphas.size());
    const std::string pp = schema::prompt_group(group);
    StoredMode stored{
        .prompt_questions = read_ids<QuestionIndex>(*file, schema::child(pp, schema::kQuestionIndex)),
        .prompt_alphas = read_ids<AlphaIndex>(*file, schema::child(pp, schema::kAlphaIndex)),
        .pp = TraceGroup(*file, pp, layers, mode == LacMode::kPropagate ? 1 : all),
        .response_group = schema::response_group(group),
        .rg = TraceGroup(*file, schema::generation_group(group), layers, mode == LacMode::kTrace ? all : 1)};
    stored.responses = stored.rg.items();
    const std::string loglik = schema::loglik_group(group);
    if (file->is_group(loglik)) {
      stored.loglik_group = loglik;
      stored.scores = file->shape(schema::child(loglik, schema::kQuestionIndex)).at(0);
    }
    if (stored.pp.items() != static_cast<std::int64_t>(stored.prompt_questions.size()) ||
        stored.prompt_alphas.size() != stored.prompt_questions.size()) {
      refuse(file->path(), fmt::format("the columns of '{}' differ in length", pp));
    }
    modes.emplace(mode, std::move(stored));
  }
};

StoredSweep::StoredSweep(std::unique_ptr<State> state) : state_(std::move(state)) {}
StoredSweep::~StoredSweep() = default;
StoredSweep::StoredSweep(StoredSweep&&) noexcept = default;
StoredSweep& StoredSweep::operator=(StoredSweep&&) noexcept = default;

const std::string& StoredSweep::model() const {
  return state_->model;
}
const std::string& StoredSweep::benchmark() const {
  return state_->benchmark;
}
std::int64_t StoredSweep::layers() const {
  return state_->layers;
}
const std::vector<double>& StoredSweep::alphas() const {
  return state_->alphas;
}
std::int64_t StoredSweep::question_count() const {
  return static_cast<std::int64_t>(state_->questions.size());
}
const std::vector<QuestionIndex>& StoredSweep::question_indices() const {
  return state_->questions;
}
bool StoredSweep::has_mode(LacMode mode) const {
  return state_->modes.contains(mode);
}
std::int64_t StoredSweep::response_count(LacMode mode) const {
  return state_->mode(mode).responses;
}
TraceRows StoredSweep::read_rg(LacMode mode, std::int64_t response, bool with_norms) const {
  return state_->mode(mode).rg.read(response, with_norms);
}
std::int64_t StoredSweep::prompt_trace_count(LacMode mode) const {
  return state_->mode(mode).pp.items();
}
const std::vector<QuestionIndex>& StoredSweep::prompt_trace_questions(LacMode mode) const {
  return state_->mode(mode).prompt_questions;
}
const std::vector<AlphaIndex>& StoredSweep::prompt_trace_alphas(LacMode mode) const {
  return state_->mode(mode).prompt_alphas;
}
TraceRows StoredSweep::read_pp(LacMode mode, std::int64_t prompt_trace, bool with_norms) const {
  return state_->mode(mode).pp.read(prompt_trace, with_norms);
}

bool StoredSweep::has_scores(LacMode mode) const {
  return !state_->mode(mode).loglik_group.empty();
}
std::int64_t StoredSweep::score_count(LacMode mode) const {
  return state_->mode(mode).scores;
}

std::vector<StoredScore> StoredSweep::read_scores(LacMode mode, std::int64_t first,
                                                  std::int64_t count) const {
  const StoredMode& stored = state_->mode(mode);
  if (stored.loglik_group.empty()) throw std::logic_error("a store without log-likelihoods");
  const ColumnReader column(*state_->file, stored.loglik_group);
  const auto questions = column.read<std::int64_t>(schema::kQuestionIndex, first, count);
  const auto alphas = column.read<std::int32_t>(schema::kAlphaIndex, first, count);
  const auto offsets = column.read<std::int64_t>(schema::kContinuationOffsets, first, count + 1);
  const std::int64_t ragged = offsets.back() - offsets.front();
  const auto names = column.read<std::string>(schema::kContinuationChoice, offsets.front(), ragged);
  const auto tokens = column.read<std::int32_t>(schema::kTokenCount, offsets.front(), ragged);
  const auto characters = column.read<std::int32_t>(schema::kCharacterCount, offsets.front(), ragged);
  const auto sums = column.read<double>(schema::kLogLikelihood, offsets.front(), ragged);
  const auto greedy = column.read<std::uint8_t>(schema::kIsGreedy, offsets.front(), ragged);
  const auto choices = column.read<std::string>(schema::kChoice, first, count);
  const auto correct = column.read<std::uint8_t>(schema::kCorrect, first, count);
  const auto normalized = column.read<std::string>(schema::kChoiceNormalized, first, count);
  const auto correct_normalized = column.read<std::uint8_t>(schema::kCorrectNormalized, first, count);
  std::vector<StoredScore> scores;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    StoredScore score{.question = QuestionIndex(questions[i]),
                      .alpha = AlphaIndex(alphas[i]),
                      .continuations = {},
                      .choice = choices[i],
                      .correct = correct[i] != 0,
                      .choice_normalized = normalized[i],
                      .correct_normalized = correct_normalized[i] != 0};
    for (std::int64_t at = offsets[i]; at < offsets[i + 1]; ++at) {
      const auto row = static_cast<std::size_t>(at - offsets.front());
      score.continuations.push_back({.choice = names.at(row),
                                     .tokens = tokens.at(row),
                                     .characters = characters.at(row),
                                     .log_likelihood = sums.at(row),
                                     .is_greedy = greedy.at(row) != 0});
    }
    scores.push_back(std::move(score));
  }
  return scores;
}

std::vector<StoredResponse> StoredSweep::read_responses(LacMode mode, std::int64_t first,
                                                        std::int64_t count) const {
  const ColumnReader column(*state_->file, state_->mode(mode).response_group);
  const auto questions = column.read<std::int64_t>(schema::kQuestionIndex, first, count);
  const auto alphas = column.read<std::int32_t>(schema::kAlphaIndex, first, count);
  const auto offsets = column.read<std::int64_t>(schema::kTokenOffsets, first, count + 1);
  const auto tokens =
      column.read<std::int32_t>(schema::kTokenIds, offsets.front(), offsets.back() - offsets.front());
  const auto texts = column.read<std::string>(schema::kText, first, count);
  const auto choices = column.read<std::string>(schema::kChoice, first, count);
  const auto correct = column.read<std::uint8_t>(schema::kCorrect, first, count);
  const auto stops = column.read<std::uint8_t>(schema::kStopReason, first, count);
  std::vector<StoredResponse> responses;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    StoredResponse response{.question = QuestionIndex(questions[i]),
                            .alpha = AlphaIndex(alphas[i]),
                            .token_ids = {},
                            .text = texts[i],
                            .choice = choices[i],
                            .correct = correct[i] != 0,
                            .stop_reason = stops[i] == 0 ? StopReason::kStopToken : StopReason::kLength};
    for (std::int64_t token = offsets[i]; token < offsets[i + 1]; ++token) {
      response.token_ids.emplace_back(tokens.at(static_cast<std::size_t>(token - offsets.front())));
    }
    responses.push_back(std::move(response));
  }
  return responses;
}

struct StoreReader::State {
  std::shared_ptr<const Hdf5File> file;
  RunManifest manifest;
};

StoreReader::StoreReader(const std::filesystem::path& file) : state_(new State) {
  state_->file = std::make_shared<const Hdf5File>(Hdf5File::open(file));
  const Hdf5File& store = *state_->file;
  if (!store.has_attribute(schema::kRoot, schema::kFormatAttribute) ||
      store.read_scalar_attribute<std::string>(schema::kRoot, schema::kFormatAttribute) !=
          schema::kFormatName) {
    refuse(file, "it is no Lacuna store");
  }
  const auto version = store.read_scalar_attribute<std::int64_t>(schema::kRoot, schema::kMajorAttribute);
  if (version != schema::kMajorVersion) {
    refuse(file,
           fmt::format("it is a store of format version {}; this Lacuna reads version {}", version,
                       schema::kMajorVersion),
           "read it with the Lacuna that wrote it, or merge its run again");
  }
  if (store.read_scalar_attribute<std::string>(schema::kRoot, schema::kKindAttribute) != "store") {
    refuse(file, "it is one part of a run", "merge the run and use the store");
  }
  try {
    const auto json = nlohmann::json::parse(store.read_scalar<std::string>(schema::kManifest));
    state_->manifest = parse_manifest(json);
  } catch (const nlohmann::json::exception& error) {
    refuse(file, fmt::format("its manifest is not JSON: {}", error.what()));
  }
}

StoreReader::~StoreReader() = default;
StoreReader::StoreReader(StoreReader&&) noexcept = default;
StoreReader& StoreReader::operator=(StoreReader&&) noexcept = default;

const RunManifest& StoreReader::manifest() const {
  return state_->manifest;
}

bool StoreReader::is_complete() const {
  return state_->file->read_scalar_attribute<std::uint8_t>(schema::kRoot, schema::kCompleteAttribute) != 0;
}

std::vector<MissingUnit> StoreReader::missing_units() const {
  const auto units = state_->file->read<std::string>(schema::kMissingUnitIds).values;
  const auto reasons = state_->file->read<std::string>(schema::kMissingUnitReasons).values;
  std::vector<MissingUnit> missing;
  for (std::size_t i = 0; i < units.size() && i < reasons.size(); ++i) {
    missing.push_back({.unit = UnitId(units[i]), .why = reasons[i]});
  }
  return missing;
}

std::vector<StoredSweep> StoreReader::sweeps() const {
  std::vector<StoredSweep> sweeps;
  for (const std::string& model : state_->manifest.models) {
    for (const std::string& benchmark : state_->manifest.benchmarks) {
      const std::string group = schema::sweep_group(model, benchmark);
      if (!state_->file->is_group(group)) continue;
      auto state = std::make_unique<StoredSweep::State>();
      state->file = state_->file;
      state->model = model;
      state->benchmark = benchmark;
      state->layers = state_->file->read_scalar_attribute<std::int64_t>(group, schema::kLayersAttribute);
      state->alphas = state_->file->read<double>(schema::child(group, schema::kAlpha)).values;
      state->questions = read_ids<QuestionIndex>(
          *state_->file, schema::child(schema::question_group(group), schema::kIndex));
      for (const LacMode mode : {LacMode::kTrace, LacMode::kExit, LacMode::kPropagate}) {
        state->load_mode(group, mode);
      }
      sweeps.push_back(StoredSweep(std::move(state)));
    }
  }
  return sweeps;
}

}  // namespace lacuna
