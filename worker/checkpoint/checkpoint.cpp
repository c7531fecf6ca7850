#include "worker/checkpoint/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>

#include "core/error.h"
#include "worker/checkpoint/json_file.h"

namespace lacuna {
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

// Tensor name -> shard file name, from the index.
std::map<std::string, std::string> read_weight_map(const std::filesystem::path& index_path) {
  const auto weight_map = JsonFile::read(index_path).find_object("weight_map");
  if (!weight_map || weight_map->json().empty()) {
    throw InputError({.problem = "key 'weight_map'", .why = "is missing or empty"},
                     SourceLocation{index_path});
  }
  std::map<std::string, std::string> shards;
  for (const auto& [name, shard] : weight_map->json().items()) {
    // A shard is a plain file beside the index: nothing in a downloaded file may lead out of the directory.
    const std::string file = shard.is_string() ? shard.get<std::string>() : "";
    if (file.empty() || file.find('/') != std::string::npos || file.front() == '.') {
      throw InputError({.problem = fmt::format("tensor '{}'", name),
                        .why = fmt::format("its shard {} is not a plain file name", shard.dump())},
                       SourceLocation{index_path});
    }
    shards.emplace(name, file);
  }
  return shards;
}

at::ScalarType scalar_type(const std::string& dtype) {
  if (dtype == "F32") return at::kFloat;
  if (dtype == "F16") return at::kHalf;
  if (dtype == "BF16") return at::kBFloat16;
  return at::ScalarType::Undefined;
}

}  // namespace

Checkpoint Checkpoint::open(const std::filesystem::path& model_directory) {
  Checkpoint checkpoint;
  checkpoint.directory_ = model_directory;
  std::map<std::string, std::string> weight_map;
  std::vector<std::string> file_names;
  if (std::filesystem::exists(model_directory / kIndexFile)) {
    checkpoint.index_path_ = model_directory / kIndexFile;
    weight_map = read_weight_map(checkpoint.index_path_);
    std::set<std::string> shards;
    for (const auto& [name, shard] : weight_map) shards.insert(shard);
    file_names.assign(shards.begin(), shards.end());
  } else if (std::filesystem::exists(model_directory / kSingleFile)) {
    file_names.emplace_back(kSingleFile);
  } else {
    throw InputError({.problem = "no weights found",
                      .why = fmt::format("neither {} nor {} is there", kSingleFile, kIndexFile),
                      .suggestion = "give the directory of a checkpoint in safetensors format"},
                     SourceLocation{model_directory});
  }
  for (const std::string& name : file_names) checkpoint.files_.emplace_back(model_directory / name);
  for (std::size_t file = 0; file < checkpoint.files_.size(); ++file) {
    for (const auto& [name, tensor] : checkpoint.files_[file].tensors()) {
      const auto placed = weight_map.find(name);
      if (!weight_map.empty() && (placed == weight_map.end() || placed->second != file_names[file])) continue;
      checkpoint.places_.insert_or_assign(name, Place{file, &tensor});
    }
  }
  for (const auto& [name, shard] : weight_map) {
    if (!checkpoint.contains(name)) {
      throw InputError({.problem = fmt::format("tensor '{}'", name),
                        .why = fmt::format("the index places it in {}, which does not hold it", shard)},
                       SourceLocation{checkpoint.index_path_});
    }
  }
  return checkpoint;
}

bool Checkpoint::contains(std::string_view name) const {
  return places_.find(name) != places_.end();
}

const Checkpoint::Place& Checkpoint::find(std::string_view name, at::IntArrayRef expected_shape) const {
  const auto found = places_.find(name);
  if (found == places_.end()) {
    throw InputError({.problem = fmt::format("tensor '{}' is missing", name),
                      .why = "the architecture in config.json needs it"},
                     SourceLocation{directory_});
  }
  const StoredTensor& tensor = *found->second.tensor;
  const SourceLocation location{files_[found->second.file].path()};
  if (!std::equal(tensor.shape.begin(), tensor.shape.end(), expected_shape.begin(), expected_shape.end())) {
    throw InputError(
        {.problem = fmt::format("tensor '{}' has shape [{}]", name, fmt::join(tensor.shape, ", ")),
         .why = fmt::format("config.json implies [{}]", fmt::join(expected_shape.vec(), ", "))},
        location);
  }
  if (scalar_type(tensor.dtype) == at::ScalarType::Undefined) {
    throw InputError({.problem = fmt::format("tensor '{}' has dtype {}", name, tensor.dtype),
                      .why = "weights must be F32, F16 or BF16",
                      .suggestion = "quantised checkpoints are not supported"},
                     location);
  }
  return found->second;
}

void Checkpoint::check_tensor(std::string_view name, at::IntArrayRef expected_shape) const {
  static_cast<void>(find(name, expected_shape));
}

at::Tensor Checkpoint::map_tensor(std::string_view name, at::IntArrayRef expected_shape) const {
  const Place& place = find(name, expected_shape);
  const at::ScalarType dtype = scalar_type(place.tensor->dtype);
  // from_blob wants a mutable pointer; the mapping is read-only and nobody writes to weights.
  void* const data = const_cast<std::byte*>(place.tensor->bytes.data());
  const std::shared_ptr<MemoryMap> mapping = files_[place.file].mapping();
  const auto keep_mapping = [mapping](void* /*data*/) {};
  const auto options = at::TensorOptions().dtype(dtype);
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % c10::elementSize(dtype) == 0;
  if (aligned) return at::from_blob(data, expected_shape, keep_mapping, options);
  at::Tensor copy = at::empty(expected_shape, options);
  std::copy(place.tensor->bytes.begin(), place.tensor->bytes.end(), static_cast<std::byte*>(copy.data_ptr()));
  return copy;
}

std::int64_t Checkpoint::total_bytes() const {
  std::int64_t total = 0;
  for (const auto& [name, place] : places_) total += static_cast<std::int64_t>(place.tensor->bytes.size());
  return total;
}

std::vector<std::filesystem::path> Checkpoint::files() const {
  std::vector<std::filesystem::path> paths;
  if (!index_path_.empty()) paths.push_back(index_path_);
  for (const SafetensorsFile& file : files_) paths.push_back(file.path());
  return paths;
}

}  // namespace lacuna
