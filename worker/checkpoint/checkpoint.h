// The weights of a model directory: one safetensors file, or several with an index.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "worker/checkpoint/safetensors_file.h"

namespace lacuna {

class Checkpoint {
 public:
  // Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names. Throws InputError if
  // there is neither, if a shard is missing or damaged, or if the index places a tensor where it is not.
  static Checkpoint open(const std::filesystem::path& model_directory);

  [[nodiscard]] bool contains(std::string_view name) const;

  // The tensor in its stored dtype (float32, float16 or bfloat16), pointing into the mapped file where the
  // alignment allows it: no copy. Throws InputError that names the tensor if it is missing, has another shape
  // than `expected_shape`, or another kind of dtype.
  [[nodiscard]] at::Tensor map_tensor(std::string_view name, at::IntArrayRef expected_shape) const;

  // Shape and dtype check alone, without touching the data.
  void check_tensor(std::string_view name, at::IntArrayRef expected_shape) const;

  // Bytes of all tensors.
  [[nodiscard]] std::int64_t total_bytes() const;
  // The weight files (and the index, if there is one), for hashing.
  [[nodiscard]] std::vector<std::filesystem::path> files() const;

 private:
  struct Place {
    std::size_t file = 0;
    const StoredTensor* tensor = nullptr;
  };
  [[nodiscard]] const Place& find(std::string_view name, at::IntArrayRef expected_shape) const;

  std::filesystem::path directory_;
  std::vector<SafetensorsFile> files_;
  std::filesystem::path index_path_;  // empty for a single file
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace lacuna
