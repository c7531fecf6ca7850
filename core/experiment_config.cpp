#include "core/experiment_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace lacuna {

std::string_view to_string(Scoring scoring) {
  return scoring == Scoring::kGenerate ? "generate" : "loglik";
}

Scoring parse_scoring(std::string_view name) {
  for (const Scoring scoring : {Scoring::kGenerate, Scoring::kLoglik}) {
    if (name == to_string(scoring)) return scoring;
  }
  throw InputError(
      {.problem = fmt::format("unknown scoring '{}'", name), .suggestion = "use one of generate, loglik"});
}

bool BenchmarkConfig::asks_for(Scoring wanted) const {
  return std::find(scoring.begin(), scoring.end(), wanted) != scoring.end();
}

std::string_view to_string(DataType dtype) {
  return dtype == DataType::kFloat32 ? "float32" : "bfloat16";
}

DataType parse_data_type(std::string_view name) {
  for (const DataType dtype : {DataType::kFloat32, DataType::kBFloat16}) {
    if (name == to_string(dtype)) return dtype;
  }
  throw InputError(
      {.problem = fmt::format("unknown dtype '{}'", name), .suggestion = "use one of float32, bfloat16"});
}

std::string_view to_string(NormPrecision precision) {
  return precision == NormPrecision::kModel ? "model" : "float32";
}

NormPrecision parse_norm_precision(std::string_view name) {
  for (const NormPrecision precision : {NormPrecision::kModel, NormPrecision::kFloat32}) {
    if (name == to_string(precision)) return precision;
  }
  throw InputError({.problem = fmt::format("unknown norm precision '{}'", name),
                    .suggestion = "use one of model, float32"});
}

}  // namespace lacuna
