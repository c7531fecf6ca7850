// Drawing tokens from logits: as the engine does it, and as it is usually written.
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "bench/benchmark_run.h"
#include "bench/stopwatch.h"
#include "worker/engine/top_p_draw.h"
#include "worker/engine/top_p_filter.h"

namespace lacuna {

void measure_sampling(const BenchmarkRun& run) {
  const at::NoGradGuard no_grad;
  constexpr TopPSettings kPaper{.temperature = 0.6, .top_p = 0.9};
  const std::int64_t vocabulary = run.model.architecture.vocabulary;
  for (const std::int64_t rows : {1, 64, 256}) {
    if (run.quick && rows > 64) continue;
    const at::Tensor logits =
        (2 * at::randn({rows, vocabulary}, at::TensorOptions().device(run.model.device())))
            .to(run.model.dtype());
    std::vector<TopPDraw> draws;
    for (std::int64_t row = 0; row < rows; ++row)
      draws.push_back({.row = row, .noise = static_cast<double>(row) / static_cast<double>(rows)});
    run.meter.sample();
    const auto time_best = [&](const std::function<void()>& work) {
      return time_repeatedly(run.model.device(), {.least = run.repetitions}, work).best();
    };
    const double ours = time_best([&] { draw_top_p(logits, draws, kPaper); });
    const double by_sorting = time_best([&] { filter_top_p(logits, kPaper.temperature, kPaper.top_p); });
    const auto bytes = static_cast<double>(logits.numel() * logits.element_size());
    const auto count = static_cast<double>(rows);
    run.report({.group = "sampling",
                .name = fmt::format("top-p draws from {} rows (by sorting {:.3g})", rows, count / by_sorting),
                .value = count / ours,
                .unit = "draws/s",
                .bound = FigureBound{"memory read", count * run.meter.best().read_bytes_per_second / bytes},
                .details = {{"seconds_best", ours}, {"sorting_seconds_best", by_sorting}, {"rows", rows}}});
  }
}

}  // namespace lacuna
