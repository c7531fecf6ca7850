#include "bench/pass_timings.h"

namespace lacuna {

Timings time_prompts(const CausalLm& model, const PromptBatch& batch, const RepetitionRule& rule) {
  return time_repeatedly(model.device(), rule, [&] { run_prompts_plain(model, batch); });
}

Timings time_decode(const CausalLm& model, std::int64_t rows, const RepetitionRule& rule) {
  DecodeLoop loop(model, rows, kDecodeContext, rule.most() + 1);
  return time_repeatedly(model.device(), rule, [&] { loop.step_plain(); });
}

nlohmann::json describe(const Timings& timings) {
  return {{"seconds_best", timings.best()},
          {"seconds_median", timings.median()},
          {"repetitions", timings.seconds.size()}};
}

}  // namespace lacuna
