// Writes a safetensors file (format: safetensors_file.h).
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace lacuna {

// Writes the tensors in the given order, each contiguous and without gaps; the data begin at a multiple of
// eight bytes. Dtypes float32, float16, bfloat16; any shape; tensors are copied to the CPU if need be. The
// bytes depend on the tensors alone. Throws std::invalid_argument for another dtype or a name given twice,
// SystemError if the file cannot be written.
void write_safetensors(const std::filesystem::path& file,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors);

}  // namespace lacuna
