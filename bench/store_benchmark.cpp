// How much of the disk a traced token takes: a part as the engine writes it, against the author's JSON.
#include <fmt/format.h>

#include <algorithm>

#include "bench/benchmark_run.h"
#include "bench/question_runs.h"
#include "bench/random_questions.h"
#include "bench/scratch_folder.h"
#include "bench/stopwatch.h"
#include "results/author_json.h"
#include "results/part_writer.h"

namespace lacuna {
namespace {

ExperimentConfig make_config(const std::vector<double>& alphas) {
  ExperimentConfig config;
  config.name = "random";
  config.models.push_back({.name = "random", .path = {}});
  config.benchmarks.emplace_back().name = "random";
  config.lac.modes = {LacMode::kExit};
  config.lac.alphas = alphas;
  config.store.norms = true;
  return config;
}

// Texts and grades are left empty, here and in the JSON.
QuestionRecord make_record(const GeneratorPrompt& prompt, GeneratedQuestion answer, std::int64_t index) {
  QuestionRecord record{.id = prompt.question,
                        .index = QuestionIndex(index),
                        .subject = "random",
                        .gold = "A",
                        .prompt_ids = prompt.token_ids,
                        .pp = std::move(answer.pp),
                        .responses = {},
                        .scores = {},
                        .author_texts = std::nullopt};
  for (Branch& branch : answer.branches) {
    ResponseRecord response{};
    response.mode = branch.spec.mode;
    response.alpha = branch.spec.alpha;
    response.token_ids = std::move(branch.tokens);
    response.stop_reason = branch.stop_reason;
    response.rg = std::move(branch.rg);
    record.responses.push_back(std::move(response));
  }
  return record;
}

std::vector<QuestionRecord> answer_and_record(const BenchmarkRun& run, std::int64_t thresholds) {
  const std::vector<GeneratorPrompt> prompts =
      make_random_questions(draw_mmlu_lengths(run.questions.count), run.model.architecture.vocabulary);
  std::vector<QuestionRecord> records;
  Work work;
  answer_questions(run, {.thresholds = thresholds}, prompts, work,
                   [&](std::span<const GeneratorPrompt> asked, std::vector<GeneratedQuestion>& answers) {
                     for (std::size_t i = 0; i < answers.size(); ++i) {
                       const auto index = static_cast<std::int64_t>(records.size());
                       records.push_back(make_record(asked[i], std::move(answers[i]), index));
                     }
                   });
  return records;
}

struct JsonBytes {
  double thresholds = 0;  // a file for each question and threshold, as the scripts write them
  double plain = 0;       // and for each plain answer, as a run of theirs without skipping would have to
};

JsonBytes count_json_bytes(const std::vector<QuestionRecord>& records) {
  JsonBytes bytes;
  for (const QuestionRecord& record : records) {
    for (const ResponseRecord& response : record.responses) {
      const std::int64_t set = response.alpha ? response.alpha->value() : 0;
      const auto size =
          static_cast<double>(render_author_json(record, response, record.pp.front(), set, 0).size());
      (response.alpha ? bytes.thresholds : bytes.plain) += size;
    }
  }
  return bytes;
}

double count_traced_tokens(const std::vector<QuestionRecord>& records) {
  std::int64_t tokens = 0;
  for (const QuestionRecord& record : records) {
    tokens += record.pp.front().tokens;
    for (const ResponseRecord& response : record.responses) tokens += response.rg.tokens;
  }
  return static_cast<double>(tokens);
}

void measure_store_of(const BenchmarkRun& run, std::int64_t thresholds) {
  const std::vector<QuestionRecord> records = answer_and_record(run, thresholds);
  const ScratchFolder folder(1e8);
  const RunDirectory directory(folder.path());
  PartWriter writer(directory, make_config(make_generator_options(run.questions, thresholds).alphas));
  const WorkUnit unit{.id = UnitId("random+random+shared+0000000"),
                      .model = ModelIndex(0),
                      .benchmark = BenchmarkIndex(0),
                      .stream = StreamKind::kShared,
                      .first_question = QuestionIndex(0),
                      .question_count = static_cast<std::int64_t>(records.size())};
  const double seconds = time_once(at::kCPU, [&] {
    writer.begin_unit(unit, run.model.architecture.layers);
    for (const QuestionRecord& record : records) writer.write(record);
    writer.commit_unit();
  });
  const auto bytes = static_cast<double>(std::filesystem::file_size(directory.part_file(unit.id)));
  const JsonBytes json_bytes = count_json_bytes(records);
  constexpr double kTarget = 25;
  const std::string with = fmt::format("{} threshold{}", thresholds, thresholds == 1 ? "" : "s");
  run.report({.group = "store",
              .name = with + ", norms included",
              .value = bytes / count_traced_tokens(records),
              .unit = "bytes/token",
              .details = {{"part_bytes", bytes},
                          {"traced_tokens", count_traced_tokens(records)},
                          {"questions", records.size()},
                          {"write_seconds", seconds}}});
  run.report({.group = "store",
              .name = with + " and plain, smaller than the author's JSON",
              .value = (json_bytes.thresholds + json_bytes.plain) / bytes,
              .unit = "times",
              .bound = FigureBound{"target", kTarget},
              .details = {{"json_bytes", json_bytes.thresholds + json_bytes.plain}}});
  run.report({.group = "store",
              .name = with + " and plain, than JSON without the plain answers",
              .value = json_bytes.thresholds / bytes,
              .unit = "times",
              .details = {{"json_bytes", json_bytes.thresholds}}});
}

}  // namespace

void measure_store(const BenchmarkRun& run) {
  BenchmarkRun with_baseline = run;  // a part of a shared stream always holds the plain answer
  with_baseline.questions.with_baseline = true;
  for (const std::int64_t thresholds : {1, 9}) measure_store_of(with_baseline, thresholds);
}

}  // namespace lacuna
