#include <fmt/format.h>

#include <algorithm>

#include "bench/benchmark_run.h"
#include "bench/model_passes.h"
#include "bench/pass_timings.h"
#include "bench/stopwatch.h"

namespace lacuna {
namespace {

std::vector<double> nine_alphas() {
  return {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
}

struct NamedPrompts {
  std::string name;
  std::vector<std::int64_t> lengths;
};

std::vector<NamedPrompts> list_prompts(bool quick) {
  const std::size_t batch = quick ? 2 : 8;
  return {{"one prompt of 128 tokens", {128}},
          {"one prompt of 512 tokens", {512}},
          {fmt::format("{} packed prompts of 512 tokens", batch), std::vector<std::int64_t>(batch, 512)}};
}

// Times of two ways to do the same, by turns, so that what disturbs one disturbs the other.
struct Comparison {
  Timings plain, recorded;

  // Of each pair, recorded to plain, the one in the middle: a machine that others use, too, slows down and
  // recovers over many pairs, and what hits one half of a pair hits the other half of another.
  [[nodiscard]] double median_ratio() const {
    Timings ratios;
    for (std::size_t i = 0; i < plain.seconds.size(); ++i)
      ratios.seconds.push_back(recorded.seconds[i] / plain.seconds[i]);
    return ratios.median();
  }
};

void report_overhead(const BenchmarkRun& run, const std::string& name, const Comparison& times) {
  constexpr double kTarget = 103;
  run.report({.group = "overhead",
              .name = "LAC, nine thresholds: " + name,
              .value = 100 * times.median_ratio(),
              .unit = "% of plain",
              .bound = FigureBound{"target", kTarget},
              .less_is_better = true,
              .details = {{"plain_seconds_best", times.plain.best()},
                          {"recorded_seconds_best", times.recorded.best()},
                          {"percent_from_bests", 100 * times.recorded.best() / times.plain.best()},
                          {"repetitions", times.plain.seconds.size()}}});
}

}  // namespace

DecodeBound find_decode_bound(const BenchmarkRun& run, const DecodeLoad& load) {
  const Architecture& shape = run.model.architecture;
  const auto element_bytes = static_cast<std::int64_t>(run.model.embedding.element_size());
  const double bytes =
      static_cast<double>(run.streamed_bytes) + count_cache_bytes(shape, load, element_bytes);
  const double reading = bytes / run.meter.best().read_bytes_per_second;
  const double computing = count_decode_flops(shape, load) / run.meter.best().flops_per_second;
  if (reading >= computing) return {"memory read", reading};
  return {"matrix rate", computing};
}

void measure_prefill(const BenchmarkRun& run) {
  for (const NamedPrompts& prompts : list_prompts(run.quick)) {
    run.meter.sample();
    const PromptBatch batch = make_prompt_batch(run.model, prompts.lengths);
    const Timings timings = time_prompts(run.model, batch, {.least = run.repetitions});
    const auto tokens = static_cast<double>(batch.token_ids.numel());
    const double flops = count_prompt_flops(run.model.architecture, prompts.lengths);
    run.report({.group = "prefill",
                .name = prompts.name,
                .value = tokens / timings.best(),
                .unit = "tokens/s",
                .bound = FigureBound{"matrix rate", run.meter.best().flops_per_second * tokens / flops},
                .details = describe(timings)});
  }
}

void measure_decode(const BenchmarkRun& run) {
  std::vector<std::int64_t> batches = {1, 2, 4, 8, 32, 64, 256};
  if (run.quick) batches = {1, 8, 32};
  for (const std::int64_t rows : batches) {
    run.meter.sample();
    const Timings timings = time_decode(run.model, rows, {.least = run.repetitions});
    const std::int64_t cached = rows * kDecodeContext;
    const DecodeBound bound =
        find_decode_bound(run, {.rows = rows, .cached_tokens = cached, .seen_tokens = cached});
    const auto count = static_cast<double>(rows);
    run.report({.group = "decode",
                .name = fmt::format("batch of {}, context {}", rows, kDecodeContext),
                .value = count / timings.best(),
                .unit = "tokens/s",
                .bound = FigureBound{bound.name, count / bound.seconds},
                .details = describe(timings)});
  }
}

void measure_lac_overhead(const BenchmarkRun& run) {
  const at::Device device = run.model.device();
  const std::vector<double> alphas = nine_alphas();
  // Differences of a percent need more repetitions than a rate.
  const RepetitionRule rule{.least = 4 * run.repetitions, .enough_seconds = 4};
  for (const NamedPrompts& prompts : list_prompts(run.quick)) {
    const PromptBatch batch = make_prompt_batch(run.model, prompts.lengths);
    run_prompts_recorded(run.model, batch, alphas);
    Comparison times;
    const bool is_large = batch.lengths.size() > 1;
    while ((is_large ? RepetitionRule{.least = run.repetitions} : rule).wants_more(times.plain)) {
      times.plain.seconds.push_back(time_once(device, [&] { run_prompts_plain(run.model, batch); }));
      times.recorded.seconds.push_back(
          time_once(device, [&] { run_prompts_recorded(run.model, batch, alphas); }));
    }
    report_overhead(run, prompts.name, times);
  }
  for (const std::int64_t rows : {1, 32}) {
    DecodeLoop loop(run.model, rows, kDecodeContext, 2 * rule.most() + 1);
    loop.step_recorded(alphas);
    Comparison times;
    while (rule.wants_more(times.plain)) {
      times.plain.seconds.push_back(time_once(device, [&] { loop.step_plain(); }));
      times.recorded.seconds.push_back(time_once(device, [&] { loop.step_recorded(alphas); }));
    }
    report_overhead(run, fmt::format("decode, batch of {}", rows), times);
  }
}

}  // namespace lacuna
