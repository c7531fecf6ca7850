// The file that `lacuna trace` writes: one prompt, all thresholds, one mode.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/records.h"

namespace lacuna {

// A thresholds, S prompt tokens, L layers, T response steps, V vocabulary. All arrays row-major.
struct TraceFile {
  std::string model;  // name or directory, as the user gave it
  LacMode mode = LacMode::kTrace;
  std::string dtype;  // "float32", "bfloat16"
  std::int64_t layers = 0;

  std::vector<std::int32_t> input_ids;  // [S]
  std::vector<double> alpha;            // [A]

  // L2 norms, embedding output first: [S][L + 1]; in propagate mode [A][S][L + 1] of the candidate outputs.
  std::vector<float> pp_norms;
  std::vector<std::uint8_t> pp_active;      // [A][S][L], 1 active, 0 void
  std::vector<std::int16_t> pp_exit_layer;  // [A][S], last active layer, -1 if none

  std::vector<std::int32_t> rg_token_ids;  // [A][T], the token fed to pass t; t = 0 came from the prompt pass
  std::vector<std::uint8_t> rg_active;     // [A][T][L]
  std::vector<std::int16_t> rg_exit_layer;  // [A][T]

  // Both or neither; V follows from their size.
  std::vector<float> pp_last_logits;  // [A][V], of the prompt's last token
  std::vector<float> rg_logits;       // [A][T][V], of pass t
};

// Writes the datasets /input_ids, /alpha, /pp/{norms, active, exit_layer, last_logits}, /rg/{token_ids,
// active, exit_layer, logits} with attributes `axes` and `units`, and root attributes `mode`, `model`,
// `dtype`, `layers`. Throws InputError if the folder of `file` is missing, SystemError if it cannot be
// written, std::logic_error if the arrays' sizes do not fit together.
void write_trace_file(const std::filesystem::path& file, const TraceFile& trace);

}  // namespace lacuna
