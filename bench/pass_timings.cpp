#include "bench/pass_timings.h"

namespace lacuna {

Timings time_prompts(const CausalLm& model, const PromptBatch& batch, const RepetitionRule& rule) {
  return time_repeatedly(model.device(), rule, [&] { run_prompts_plain(model, batch); });
}

Timings time_decode(const CausalLm& model, std::int64_t rows, const RepetitionRule& rule) {
  const at::Device device = model.device();
  DecodeLoop loop(model, rows, kDecodeContext, rule.most() + 1);
  loop.step_plain();
  Timings timings;
  while (rule.wants_more(timings)) {
    timings.seconds.push_back(time_once(device, [&] { loop.step_plain(); }));
  }
  return timings;
}

nlohmann::json describe(const Timings& timings) {
  return {{"seconds_best", timings.best()},
          {"seconds_median", timings.median()},
          {"repetitions", timings.seconds.size()}};
}

}  // namespace lacuna
