// A safetensors file: named tensors behind a JSON header.
//
// Format (github.com/huggingface/safetensors): 8 bytes little-endian header length n, n bytes JSON object,
// then data. The object maps a tensor's name to {"dtype", "shape", "data_offsets": [begin, end)}, offsets
// counted from the first byte after the header; "__metadata__" holds free strings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "worker/checkpoint/memory_map.h"

namespace lacuna {

// A tensor as the header describes it. `bytes` lies in the mapping and has exactly the size that dtype and
// shape imply.
struct StoredTensor {
  std::string dtype;  // "F32", "F16", "BF16", ...
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

class SafetensorsFile {
 public:
  // Maps the file and checks the whole header: throws InputError that names file and tensor for a header that
  // is no JSON or cut off, an unknown dtype, and offsets that leave the file or do not fit dtype and shape.
  explicit SafetensorsFile(const std::filesystem::path& path);

  [[nodiscard]] const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Keeps the mapping alive for as long as somebody points into it.
  [[nodiscard]] const std::shared_ptr<MemoryMap>& mapping() const { return mapping_; }

 private:
  std::filesystem::path path_;
  std::shared_ptr<MemoryMap> mapping_;
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace lacuna
