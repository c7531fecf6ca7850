// Measures inference on a model of a well-known shape with random weights: a table on stdout, JSON if asked
// for. docs/performance.md says what each figure means.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "apps/passive_threads.h"
#include "bench/benchmark_run.h"
#include "bench/random_model.h"
#include "bench/startup_benchmark.h"
#include "bench/stopwatch.h"
#include "core/error.h"
#include "core/experiment_config.h"
#include "worker/models/load_model.h"
#include "worker/nn/compute_device.h"
#include "worker/nn/compute_threads.h"

namespace lacuna {
namespace {

struct Arguments {
  std::string shape = "qwen2.5-0.5b";
  std::int64_t layers = 0;
  std::string dtype = "bfloat16";
  std::string device = "cpu";
  std::int64_t threads = 0;
  std::vector<std::string> only;
  std::string json;
  std::int64_t repetitions = 5;
  bool quick = false;
  QuestionSettings questions;
  std::vector<std::string> forks;
  std::string sampling = "top_p";
  std::string python = "/usr/bin/python3";
  std::string llama_cpp = "build/llama_cpp";  // where scripts/bench.sh installs it
  std::string write_model;                    // a folder: only write the random model there
  std::string first_token;                    // what the process that `startup` times is told
};

struct FigureGroup {
  const char* name;
  void (*measure)(const BenchmarkRun& run);
};

const std::vector<FigureGroup>& figure_groups() {
  static const std::vector<FigureGroup> groups = {
    {"products", measure_products},
    {"prefill", measure_prefill},
    {"decode", measure_decode},
    {"overhead", measure_lac_overhead},
    {"sampling", measure_sampling},
    {"thresholds", measure_thresholds},
#if LACUNA_HAS_STORE
    {"store", measure_store},
#endif
    {"startup", measure_startup},
    {"author", measure_against_author},
    {"llama_cpp", measure_against_llama_cpp}
  };
  return groups;
}

std::vector<std::string> group_names() {
  std::vector<std::string> names;
  for (const FigureGroup& group : figure_groups()) names.emplace_back(group.name);
  return names;
}

at::Device find_device(const Arguments& arguments) {
  return open_device(arguments.device == "cpu" ? -1 : 0);
}

void write_json(const std::string& path, const nlohmann::json& document) {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  const std::string text = document.dump(2) + "\n";
  const bool written = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file == nullptr || std::fclose(file) != 0 || !written) {
    throw SystemError({.problem = fmt::format("cannot write '{}'", path)});
  }
}

void report_bounds(const BenchmarkRun& run, const at::Device& device) {
  run.report({.group = "bounds",
              .name = "memory read",
              .value = 1e-9 * run.meter.best().read_bytes_per_second,
              .unit = "GB/s"});
  run.report({.group = "bounds",
              .name = fmt::format("matrix rate ({})", run.meter.best().matrix_shape),
              .value = (device.is_cpu() ? 1e-9 : 1e-12) * run.meter.best().flops_per_second,
              .unit = device.is_cpu() ? "GFLOP/s" : "TFLOP/s"});
}

// What the machine cannot do (no PyTorch, no space) is left out, unless it was asked for by name. `save` is
// called after each group: a run that is stopped keeps what it has.
void measure_groups(const BenchmarkRun& run, const std::vector<std::string>& only,
                    const std::function<void()>& save) {
  for (const FigureGroup& group : figure_groups()) {
    if (!only.empty() && std::find(only.begin(), only.end(), group.name) == only.end()) continue;
    try {
      group.measure(run);
      save();
    } catch (const SystemError& error) {
      if (!only.empty()) throw;
      fmt::print(stderr, "{} is left out: {}\n", group.name, error.what());
    }
  }
}

std::int64_t count_threads(const Arguments& arguments) {
  if (arguments.threads > 0) return arguments.threads;
  return std::max(1U, std::thread::hardware_concurrency());
}

void run_benchmark(const Arguments& arguments) {
  const std::int64_t threads = count_threads(arguments);
  Architecture shape = find_shape(arguments.shape);
  if (arguments.layers > 0) shape.layers = std::min(shape.layers, arguments.layers);
  const at::Device device = find_device(arguments);
  const DataType dtype = parse_data_type(arguments.dtype);
  nlohmann::json document = {{"benchmark", "inference"},  {"shape", arguments.shape},
                             {"layers", shape.layers},    {"dtype", arguments.dtype},
                             {"device", device.str()},    {"threads", threads},
                             {"libtorch", TORCH_VERSION}, {"figures", nlohmann::json::array()}};
  CausalLm model;
  const double making =
      time_once(device, [&] { model = make_random_model(shape, to_scalar_type(dtype), device); });
  const std::int64_t streamed = count_streamed_bytes(model);
  fmt::print("{}, {} layers, {}, {}, {} threads, LibTorch {}; {:.2f} GB of weights made in {:.1f} s\n\n{}\n",
             arguments.shape, shape.layers, arguments.dtype, device.str(), threads, TORCH_VERSION,
             1e-9 * static_cast<double>(streamed), making, render_table_head());
  BoundMeter meter(device, to_scalar_type(dtype), streamed, threads);
  meter.sample();
  const BenchmarkRun run{.model = model,
                         .streamed_bytes = streamed,
                         .meter = meter,
                         .dtype = dtype,
                         .threads = threads,
                         .repetitions = arguments.repetitions,
                         .python = arguments.python,
                         .llama_cpp = arguments.llama_cpp,
                         .questions = arguments.questions,
                         .quick = arguments.quick,
                         .report = [&](const Figure& figure) {
                           fmt::print("{}\n", render_table_line(figure));
                           std::fflush(stdout);
                           document["figures"].push_back(to_json(figure));
                         }};
  const auto save = [&] {
    if (!arguments.json.empty()) write_json(arguments.json, document);
  };
  measure_groups(run, arguments.only, save);
  report_bounds(run, device);
  save();
}

// What the options say about each other.
void adopt_settings(Arguments& arguments) {
  QuestionSettings& questions = arguments.questions;
  questions.generation.greedy = arguments.sampling == "greedy";
  if (arguments.quick) {
    questions.count = std::min<std::int64_t>(questions.count, 8);
    questions.new_tokens = std::min<std::int64_t>(questions.new_tokens, 4);
    std::erase_if(questions.thresholds, [](std::int64_t number) { return number != 1 && number != 9; });
  }
  if (arguments.forks.empty()) return;
  questions.forks.clear();
  for (const std::string& name : arguments.forks) questions.forks.push_back(parse_fork_policy(name));
}

void add_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--shape", arguments.shape, "The model's shape; its weights are random")
      ->capture_default_str()
      ->check(CLI::IsMember(shape_names()));
  app.add_option("--layers", arguments.layers, "Only so many layers; 0: all")->check(CLI::Range(0, 1000));
  app.add_option("--dtype", arguments.dtype, "float32 or bfloat16")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  app.add_option("--device", arguments.device, "cpu or cuda")
      ->capture_default_str()
      ->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--threads", arguments.threads, "CPU threads; 0: all cores")->check(CLI::Range(0, 4096));
  app.add_option("--only", arguments.only,
                 fmt::format("Groups of figures: {}", fmt::join(group_names(), ",")))
      ->delimiter(',')
      ->check(CLI::IsMember(group_names()));
  app.add_option("--json", arguments.json, "Also write the figures to this file")->take_last();
  app.add_option("--repetitions", arguments.repetitions, "Times that each thing is measured, at least")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--python", arguments.python,
                 "Group author: an interpreter that has PyTorch; group llama_cpp: numpy")
      ->capture_default_str();
  app.add_option("--llama-cpp", arguments.llama_cpp,
                 "Group llama_cpp: a folder in which npm has installed node-llama-cpp")
      ->capture_default_str();
  app.add_option("--write-model", arguments.write_model, "Only write the random model to this folder");
  app.add_option("--first-token", arguments.first_token)->group("");
  app.add_flag("--quick", arguments.quick, "Smaller batches and fewer of them");
}

void add_question_options(CLI::App& app, Arguments& arguments) {
  QuestionSettings& questions = arguments.questions;
  const auto add_count = [&](const char* name, std::int64_t& value, const char* what) {
    app.add_option(name, value, what)->capture_default_str()->check(CLI::Range(1, 1'000'000));
  };
  add_count("--questions", questions.count, "Group thresholds: questions, as long as MMLU's");
  add_count("--new-tokens", questions.new_tokens, "Group thresholds: tokens of each answer");
  add_count("--unit-questions", questions.per_unit, "Group thresholds: questions answered together");
  add_count("--batch-tokens", questions.batch_tokens, "Group thresholds: prompt tokens a pass");
  app.add_option("--thresholds", questions.thresholds, "Group thresholds: numbers of them")
      ->capture_default_str()
      ->delimiter(',')
      ->check(CLI::Range(1, 1000));
  app.add_option(
         "--forks", arguments.forks,
         "Group thresholds: how answers differ: as the model chooses (model), not at all (none) or from the "
         "first token on (worst); the last two for nine thresholds only")
      ->delimiter(',')
      ->check(CLI::IsMember({"model", "none", "worst"}));
  app.add_option("--sampling", arguments.sampling,
                 "Groups thresholds, store and author: how tokens are chosen, greedy or top_p (0.9 at "
                 "temperature 0.6, as in the paper)")
      ->capture_default_str()
      ->check(CLI::IsMember({"greedy", "top_p"}));
  app.add_flag("--baseline", questions.with_baseline, "Group thresholds: also the plain answer");
}

void run_as_told(const Arguments& arguments) {
  const at::NoGradGuard no_grad;
  set_compute_threads(count_threads(arguments));
  if (!arguments.write_model.empty()) {
    const at::ScalarType dtype = to_scalar_type(parse_data_type(arguments.dtype));
    return write_checkpoint(make_random_model(find_shape(arguments.shape), dtype, at::kCPU),
                            arguments.write_model);
  }
  if (arguments.first_token.empty()) return run_benchmark(arguments);
  generate_first_token(arguments.first_token, parse_data_type(arguments.dtype), find_device(arguments));
}

}  // namespace
}  // namespace lacuna

int main(int argc, char** argv) {
  CLI::App app{"Measures inference on a model with random weights, against what the machine can do."};
  lacuna::Arguments arguments;
  lacuna::add_options(app, arguments);
  lacuna::add_question_options(app, arguments);
  CLI11_PARSE(app, argc, argv);
  lacuna::restart_with_passive_threads();  // as the engine does
  try {
    lacuna::adopt_settings(arguments);
    lacuna::run_as_told(arguments);
  } catch (const lacuna::Error& error) {
    fmt::print(stderr, "inference_benchmark: error: {}\n", error.what());
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    fmt::print(stderr, "inference_benchmark: error: {}\n", error.what());
    return static_cast<int>(lacuna::ExitCode::kFailure);
  }
  return 0;
}
