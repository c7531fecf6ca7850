#include "tests/results/synthetic_run.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>

#include "results/part_writer.h"

namespace lacuna::testing {

namespace {

using Random = std::mt19937_64;

std::int64_t below(Random& random, std::int64_t bound) {
  return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound));
}

std::vector<TokenId> random_tokens(Random& random, std::int64_t count) {
  std::vector<TokenId> ids;
  for (std::int64_t i = 0; i < count; ++i) ids.emplace_back(static_cast<std::int32_t>(below(random, 150000)));
  return ids;
}

TraceRows random_rows(Random& random, std::int64_t tokens, std::int64_t alphas, std::int64_t layers) {
  TraceRows rows = TraceRows::zeros(tokens, alphas, layers);
  for (float& norm : rows.norms) norm = static_cast<float>(below(random, 100000)) / 64.0F;
  for (std::int64_t token = 0; token < tokens; ++token) {
    for (std::int64_t alpha = 0; alpha < alphas; ++alpha) {
      for (std::int64_t layer = 0; layer < layers; ++layer) {
        if (below(random, 3) > 0) rows.set_active(token, alpha, layer);
      }
    }
  }
  return rows;
}

ResponseRecord random_response(Random& random, LacMode mode, std::optional<AlphaIndex> alpha,
                               std::int64_t alphas, std::int64_t layers, std::int64_t question,
                               double clock) {
  ResponseRecord response;
  response.mode = mode;
  response.alpha = alpha;
  response.token_ids = random_tokens(random, question == 1 ? 1 : 2 + below(random, 5));
  response.stop_reason = below(random, 2) == 0 ? StopReason::kStopToken : StopReason::kLength;
  const auto passes = static_cast<std::int64_t>(response.token_ids.size()) - 1;
  response.rg = random_rows(random, passes, alpha ? 1 : alphas, layers);
  response.text = fmt::format("r\xC3\xA9ponse {} \xE2\x82\xAC", below(random, 1000));
  const auto letter = static_cast<char>('A' + below(random, 4));
  if (question != 2) response.choice.assign(1, letter);
  response.correct = question != 2 && below(random, 2) == 0;
  response.author_answer = "answer<eos>";
  response.decode_seconds = clock + 0.25;
  return response;
}

ScoreRecord random_score(Random& random, LacMode mode, std::optional<AlphaIndex> alpha,
                         bool with_normalized) {
  ScoreRecord score;
  score.mode = mode;
  score.alpha = alpha;
  const std::int64_t continuations = 2 + below(random, 3);
  for (std::int64_t i = 0; i < continuations; ++i) {
    score.continuations.push_back({.choice = std::string(1, static_cast<char>('A' + i)),
                                   .tokens = static_cast<std::int32_t>(1 + below(random, 3)),
                                   .characters = static_cast<std::int32_t>(1 + below(random, 9)),
                                   .log_likelihood = -static_cast<double>(1 + below(random, 1000)) / 7,
                                   .is_greedy = below(random, 4) == 0});
  }
  score.choice = score.continuations[static_cast<std::size_t>(below(random, continuations))].choice;
  score.correct = score.choice == "B";
  if (with_normalized) {
    score.choice_normalized =
        score.continuations[static_cast<std::size_t>(below(random, continuations))].choice;
    score.correct_normalized = score.choice_normalized == "B";
  }
  return score;
}

}  // namespace

SyntheticRun::SyntheticRun(std::filesystem::path folder, std::int64_t questions) : run(std::move(folder)) {
  config.name = "synthetic";
  config.output = run.root();
  config.models = {{.name = "tiny-a", .path = "/models/a"}, {.name = "tiny-b", .path = "/models/b"}};
  for (const char* const name : {"mmlu", "boolq"}) {
    BenchmarkConfig benchmark;
    benchmark.name = name;
    benchmark.kind = name;
    benchmark.path = "/data";
    config.benchmarks.push_back(benchmark);
  }
  config.lac.modes = {LacMode::kExit, LacMode::kPropagate};
  config.lac.alphas = {0.2, 0.5, 0.8};
  constexpr std::int64_t kUnitQuestions = 3;
  for (std::int32_t model = 0; model < 2; ++model) {
    for (std::int32_t benchmark = 0; benchmark < 2; ++benchmark) {
      for (const StreamKind stream : {StreamKind::kShared, StreamKind::kPropagate}) {
        for (std::int64_t first = 0; first < questions; first += kUnitQuestions) {
          plan.push_back(
              {.id = UnitId(fmt::format("m{}.b{}.{}.{:04}", model, benchmark, to_string(stream), first)),
               .model = ModelIndex(model),
               .benchmark = BenchmarkIndex(benchmark),
               .stream = stream,
               .first_question = QuestionIndex(first),
               .question_count = std::min(kUnitQuestions, questions - first)});
        }
      }
    }
  }
}

// One model with a whole number of bytes of layers and one without.
std::int64_t SyntheticRun::layers(const WorkUnit& unit) const {
  return unit.model.value() == 0 ? 8 : 11;
}

QuestionRecord SyntheticRun::record(const WorkUnit& unit, std::int64_t question, double clock) const {
  Random prompt_random(static_cast<std::uint64_t>(1000 * unit.benchmark.value() + question));
  Random random(static_cast<std::uint64_t>(
      ((unit.model.value() * 10 + unit.benchmark.value()) * 10 + static_cast<int>(unit.stream)) * 1000 +
      question));
  const auto alphas = static_cast<std::int64_t>(config.lac.alphas.size());
  const std::int64_t layer_count = layers(unit);
  QuestionRecord record;
  record.index = QuestionIndex(question);
  record.id = QuestionId(fmt::format(
      "{}/test/{}", config.benchmarks[static_cast<std::size_t>(unit.benchmark.value())].name, question));
  if (question % 2 == 0) record.subject.assign("astronomy");
  record.gold.assign(1, 'B');
  record.prompt_ids = random_tokens(prompt_random, 3 + below(prompt_random, 6));
  record.prefill_seconds = clock + 0.5;
  record.author_texts = AuthorTexts{
      .question = "Why?", .subject = record.subject, .prompt = "Question: Why?", .true_answer = "B"};
  const auto tokens = static_cast<std::int64_t>(record.prompt_ids.size());
  const auto add_response = [&](LacMode mode, std::optional<AlphaIndex> alpha) {
    record.responses.push_back(random_response(random, mode, alpha, alphas, layer_count, question, clock));
  };
  if (unit.stream == StreamKind::kShared) {
    record.pp.push_back(random_rows(random, tokens, alphas, layer_count));
    add_response(LacMode::kTrace, std::nullopt);
  }
  for (std::int32_t alpha = 0; alpha < alphas; ++alpha) {
    if (unit.stream == StreamKind::kShared) {
      add_response(LacMode::kExit, AlphaIndex(alpha));
    } else {
      record.pp.push_back(random_rows(random, tokens, 1, layer_count));
      add_response(LacMode::kPropagate, AlphaIndex(alpha));
    }
  }
  // From numbers of their own, so that the responses are the same with and without.
  Random score_random(random());
  const BenchmarkConfig& benchmark = config.benchmarks[static_cast<std::size_t>(unit.benchmark.value())];
  if (benchmark.asks_for(Scoring::kLoglik)) {
    for (const ResponseRecord& response : record.responses) {
      record.scores.push_back(
          random_score(score_random, response.mode, response.alpha, benchmark.kind == "mmlu"));
    }
  }
  if (!benchmark.asks_for(Scoring::kGenerate)) record.responses.clear();
  return record;
}

RunManifest SyntheticRun::manifest() const {
  RunManifest manifest = make_manifest(config, plan);
  manifest.fingerprint = fingerprint;
  manifest.environment["host"] = "somewhere";
  return manifest;
}

void SyntheticRun::write_manifest_file() const {
  write_manifest(run, manifest());
}

void SyntheticRun::write_parts(const std::vector<std::size_t>& order, double clock) const {
  PartWriter writer(run, config, fingerprint);
  for (const std::size_t position : order) {
    const WorkUnit& unit = plan.at(position);
    writer.begin_unit(unit, layers(unit));
    for (std::int64_t i = 0; i < unit.question_count; ++i) {
      writer.write(record(unit, unit.first_question.value() + i, clock));
    }
    writer.commit_unit();
  }
}

std::vector<std::size_t> SyntheticRun::all_units() const {
  std::vector<std::size_t> order(plan.size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}

std::vector<char> read_bytes(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void write_bytes(const std::filesystem::path& file, const std::vector<char>& bytes) {
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void flip_bit(const std::filesystem::path& file, std::size_t position) {
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekg(static_cast<std::streamoff>(position));
  const int byte = stream.get();
  stream.seekp(static_cast<std::streamoff>(position));
  stream.put(static_cast<char>(byte ^ 1));
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace lacuna::testing
