#include "results/part_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "core/error.h"
#include "results/author_json.h"
#include "results/checksum_trailer.h"
#include "results/column_group.h"
#include "results/durable_file.h"
#include "results/part_buffer.h"
#include "results/schema.h"

namespace lacuna {

namespace {

// The modes whose responses a unit's records carry: trace always comes with the shared stream.
std::vector<LacMode> modes_of(StreamKind stream, const std::vector<LacMode>& asked) {
  if (stream == StreamKind::kPropagate) return {LacMode::kPropagate};
  const bool has_exit = std::find(asked.begin(), asked.end(), LacMode::kExit) != asked.end();
  return has_exit ? std::vector{LacMode::kTrace, LacMode::kExit} : std::vector{LacMode::kTrace};
}

// A file of the author's layout, waiting for its unit's commit.
struct AuthorFile {
  LacMode mode;
  double alpha;
  std::int64_t question;
  std::string text;
};

std::span<const std::uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

struct PartWriter::State {
  RunDirectory run;
  ExperimentConfig config;
  std::string fingerprint;
  std::optional<PartBuffer> buffer;
  std::vector<AuthorFile> author_files;

  [[nodiscard]] const std::string& model_name(const WorkUnit& unit) const {
    return config.models.at(static_cast<std::size_t>(unit.model.value())).name;
  }
  [[nodiscard]] const BenchmarkConfig& benchmark(const WorkUnit& unit) const {
    return config.benchmarks.at(static_cast<std::size_t>(unit.benchmark.value()));
  }
  void keep_author_files(const QuestionRecord& record);
  void write_author_files(const WorkUnit& unit) const;
  [[nodiscard]] Hdf5File build_part() const;
};

void PartWriter::State::keep_author_files(const QuestionRecord& record) {
  for (const ResponseRecord& response : record.responses) {
    const bool is_shared = response.mode != LacMode::kPropagate;
    for (std::size_t alpha = 0; alpha < config.lac.alphas.size(); ++alpha) {
      const auto position = static_cast<std::int64_t>(alpha);
      if (response.alpha && response.alpha->value() != position) continue;
      const TraceRows& pp = record.pp.at(is_shared ? 0 : alpha);
      const std::int64_t rg_alpha = response.alpha ? 0 : position;
      author_files.push_back(
          {.mode = response.mode,
           .alpha = config.lac.alphas[alpha],
           .question = record.index.value(),
           .text = render_author_json(record, response, pp, is_shared ? position : 0, rg_alpha)});
    }
  }
}

void PartWriter::State::write_author_files(const WorkUnit& unit) const {
  for (const AuthorFile& file : author_files) {
    const std::filesystem::path folder =
        run.author_json_folder(model_name(unit), benchmark(unit).name, file.mode, file.alpha);
    make_folders(folder);
    write_file_durably(folder / fmt::format("sample_{}.json", file.question), {as_bytes(file.text)});
  }
}

Hdf5File PartWriter::State::build_part() const {
  const WorkUnit& unit = buffer->unit();
  Hdf5File file = Hdf5File::create_in_memory(run.part_file(unit.id));
  file.write_attribute(schema::kRoot, schema::kFormatAttribute, std::string(schema::kFormatName));
  file.write_attribute(schema::kRoot, schema::kMajorAttribute, schema::kMajorVersion);
  file.write_attribute(schema::kRoot, schema::kMinorAttribute, schema::kMinorVersion);
  file.write_attribute(schema::kRoot, schema::kKindAttribute, std::string("part"));
  file.write_attribute(schema::kRoot, schema::kUnitAttribute, unit.id.value());
  file.write_attribute(schema::kRoot, schema::kStreamAttribute, std::string(to_string(unit.stream)));
  file.write_attribute(schema::kRoot, schema::kFirstQuestionAttribute, unit.first_question.value());
  file.write_attribute(schema::kRoot, schema::kQuestionCountAttribute, unit.question_count);
  file.write_attribute(schema::kRoot, schema::kFingerprintAttribute, fingerprint);
  const std::string sweep = schema::sweep_group(model_name(unit), benchmark(unit).name);
  create_sweep(file, sweep, buffer->layers(), config.lac.alphas);
  buffer->write(file, sweep, config.store.norms);
  return file;
}

PartWriter::PartWriter(RunDirectory run, const ExperimentConfig& config, std::string fingerprint)
    : state_(new State{std::move(run), config, std::move(fingerprint), std::nullopt, {}}) {
  state_->run.create();
}

PartWriter::~PartWriter() = default;

void PartWriter::begin_unit(const WorkUnit& unit, std::int64_t layers) {
  state_->author_files.clear();
  state_->buffer.emplace(unit, layers, static_cast<std::int64_t>(state_->config.lac.alphas.size()),
                         modes_of(unit.stream, state_->config.lac.modes), state_->benchmark(unit).scoring);
}

void PartWriter::write(const QuestionRecord& record) {
  if (!state_->buffer) throw std::logic_error("PartWriter: write without begin_unit");
  state_->buffer->add(record);
  if (state_->config.store.author_json) state_->keep_author_files(record);
}

void PartWriter::commit_unit() {
  if (!state_->buffer) throw std::logic_error("PartWriter: commit_unit without begin_unit");
  const WorkUnit& unit = state_->buffer->unit();
  if (state_->buffer->question_count() != unit.question_count) {
    throw std::logic_error(fmt::format("unit {}: {} of {} questions at its commit", unit.id,
                                       state_->buffer->question_count(), unit.question_count));
  }
  state_->write_author_files(unit);
  const std::vector<std::uint8_t> image = state_->build_part().image();
  const ChecksumTrailer trailer = make_checksum_trailer(image);
  write_file_durably(state_->run.part_file(unit.id), {image, trailer});
  state_->buffer.reset();
  state_->author_files.clear();
}

}  // namespace lacuna
