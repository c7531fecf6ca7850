// content_digest and compare_stores of merge.h: what two stores say, apart from timings and the machine.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>

#include "core/experiment_json.h"
#include "results/hdf5_file.h"
#include "results/merge.h"
#include "results/run_manifest.h"
#include "results/schema.h"
#include "results/store_reader.h"

namespace lacuna {

namespace {

// The paths of all groups (true) and datasets (false) that count, in byte order.
using Objects = std::map<std::string, bool>;

void collect_objects(const Hdf5File& file, const std::string& group, Objects& objects) {
  for (const std::string& name : file.members(group)) {
    if (name == schema::kTimingGroupName) continue;
    const std::string path = fmt::format("{}/{}", group == "/" ? "" : group, name);
    const bool is_group = file.is_group(path);
    objects[path] = is_group;
    if (is_group) collect_objects(file, path, objects);
  }
}

// A row-wise walk over the values of a dataset: `take` gets the vector of a few rows' values and the number
// of their first element. Numbers are widened to int64 or double without loss.
template <class Take>
void for_each_block(const Hdf5Dataset& dataset, const Take& take) {
  constexpr std::int64_t kBlockElements = 1 << 18;
  const std::int64_t row_elements = std::max<std::int64_t>(1, dataset.row_elements());
  const std::int64_t block = std::max<std::int64_t>(1, kBlockElements / row_elements);
  for (std::int64_t first = 0; first < dataset.rows(); first += block) {
    const std::int64_t rows = std::min(block, dataset.rows() - first);
    switch (dataset.type()) {
      case Hdf5Type::kString:
        take(first * row_elements, dataset.read_rows<std::string>(first, rows));
        break;
      case Hdf5Type::kFloat32:
      case Hdf5Type::kFloat64:
        take(first * row_elements, dataset.read_rows<double>(first, rows));
        break;
      default:
        take(first * row_elements, dataset.read_rows<std::int64_t>(first, rows));
        break;
    }
  }
}

class Digest {
 public:
  Digest() : state_(XXH3_createState(), &XXH3_freeState) {
    if (!state_) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
  }
  void add(const void* bytes, std::size_t size) { XXH3_128bits_update(state_.get(), bytes, size); }
  void add(const std::string& text) {
    const std::uint64_t size = text.size();
    add(&size, sizeof size);
    add(text.data(), text.size());
  }
  template <class T>
  void add(const std::vector<T>& values) {
    if constexpr (std::is_same_v<T, std::string>) {
      for (const std::string& text : values) add(text);
    } else {
      add(values.data(), values.size() * sizeof(T));
    }
  }
  [[nodiscard]] std::string text() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

std::string describe_shape(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// "name = value" of every attribute that is no bookkeeping of dimension scales, and the labels of the axes.
std::vector<std::string> describe_attributes(const Hdf5File& file, const std::string& path, bool is_group) {
  std::vector<std::string> lines;
  for (const std::string& name : file.attribute_names(path)) {
    const std::string prefix = "@" + name + " = ";
    switch (file.attribute_type(path, name)) {
      case Hdf5Type::kOther:
        break;
      case Hdf5Type::kString:
        lines.push_back(
            prefix + fmt::format("{}", fmt::join(file.read_attribute<std::string>(path, name).values, ", ")));
        break;
      case Hdf5Type::kFloat32:
      case Hdf5Type::kFloat64:
        lines.push_back(prefix +
                        fmt::format("{}", fmt::join(file.read_attribute<double>(path, name).values, ", ")));
        break;
      default:
        lines.push_back(
            prefix +
            fmt::format("{}", fmt::join(file.read_attribute<std::int64_t>(path, name).values, ", ")));
    }
  }
  if (!is_group) {
    lines.push_back("type " + std::string(to_string(file.type(path))));
    lines.push_back("shape " + describe_shape(file.shape(path)));
    lines.push_back(fmt::format("axes {}", fmt::join(file.axis_labels(path), ", ")));
  }
  return lines;
}

std::string comparable_text(const Hdf5File& file, const std::string& path) {
  const auto json = nlohmann::json::parse(file.read_scalar<std::string>(path));
  return comparable_manifest(parse_manifest(json))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// [3, 0, 7] for the element of that number.
std::string describe_position(std::int64_t element, const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> position(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    position[axis] = element % shape[axis];
    element /= shape[axis];
  }
  return describe_shape(position);
}

// Bits, not values: a NaN equals itself, -0 is not 0.
template <class T>
bool is_same(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, double>) {
    return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
  } else {
    return a == b;
  }
}

std::string compare_values(const Hdf5Dataset& a, const Hdf5Dataset& b, const std::string& path) {
  std::string difference;
  for_each_block(a, [&]<class T>(std::int64_t first, const std::vector<T>& values) {
    if (!difference.empty()) return;
    const std::int64_t row = first / std::max<std::int64_t>(1, a.row_elements());
    const std::int64_t rows =
        static_cast<std::int64_t>(values.size()) / std::max<std::int64_t>(1, a.row_elements());
    const std::vector<T> others = b.read_rows<T>(row, rows);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (is_same(values[i], others[i])) continue;
      difference = fmt::format("{} {}: {} and {}", path,
                               describe_position(first + static_cast<std::int64_t>(i), a.shape()), values[i],
                               others[i]);
      return;
    }
  });
  return difference;
}

std::string compare_objects(const Hdf5File& a, const Hdf5File& b, const std::string& path, bool is_group) {
  const auto lines_a = describe_attributes(a, path, is_group);
  const auto lines_b = describe_attributes(b, path, is_group);
  for (std::size_t i = 0; i < std::max(lines_a.size(), lines_b.size()); ++i) {
    const std::string in_a = i < lines_a.size() ? lines_a[i] : "nothing";
    const std::string in_b = i < lines_b.size() ? lines_b[i] : "nothing";
    if (in_a != in_b) return fmt::format("{}: {} and {}", path, in_a, in_b);
  }
  if (is_group) return "";
  if (path == schema::kManifest) {
    const auto differences =
        describe_differences(nlohmann::json::parse(comparable_text(a, path)),
                             nlohmann::json::parse(comparable_text(b, path)), "the first", "the second", 4);
    return differences.empty() ? "" : fmt::format("{}: {}", path, fmt::join(differences, "; "));
  }
  return compare_values(a.open_dataset(path), b.open_dataset(path), path);
}

std::vector<std::string> find_differences(const Hdf5File& a, const Hdf5File& b, std::size_t limit) {
  Objects in_a = {{"/", true}};
  Objects in_b = {{"/", true}};
  collect_objects(a, "/", in_a);
  collect_objects(b, "/", in_b);
  std::vector<std::string> differences;
  for (const auto& [path, is_group] : in_a) {
    if (!in_b.contains(path)) differences.push_back(fmt::format("{}: only in '{}'", path, a.path().string()));
  }
  for (const auto& [path, is_group] : in_b) {
    const auto other = in_a.find(path);
    if (other == in_a.end()) {
      differences.push_back(fmt::format("{}: only in '{}'", path, b.path().string()));
    } else if (other->second != is_group) {
      differences.push_back(fmt::format("{}: a group in one, a dataset in the other", path));
    }
  }
  for (const auto& [path, is_group] : in_a) {
    if (differences.size() >= limit) break;
    const auto other = in_b.find(path);
    if (other == in_b.end() || other->second != is_group) continue;
    std::string difference = compare_objects(a, b, path, is_group);
    if (!difference.empty()) differences.push_back(std::move(difference));
  }
  if (differences.size() > limit) differences.resize(limit);
  return differences;
}

}  // namespace

std::string content_digest(const std::filesystem::path& store) {
  const Hdf5File file = Hdf5File::open(store);
  Objects objects = {{"/", true}};
  collect_objects(file, "/", objects);
  Digest digest;
  for (const auto& [path, is_group] : objects) {
    digest.add(path);
    digest.add(describe_attributes(file, path, is_group));
    if (is_group) continue;
    if (path == schema::kManifest) {
      digest.add(comparable_text(file, path));
    } else {
      for_each_block(file.open_dataset(path), [&](std::int64_t, const auto& values) { digest.add(values); });
    }
  }
  return digest.text();
}

std::string compare_contents(const Hdf5File& a, const Hdf5File& b) {
  const std::vector<std::string> differences = find_differences(a, b, 1);
  return differences.empty() ? "" : differences.front();
}

std::string compare_stores(const std::filesystem::path& a, const std::filesystem::path& b) {
  return compare_contents(Hdf5File::open(a), Hdf5File::open(b));
}

std::vector<std::string> find_store_differences(const std::filesystem::path& a,
                                                const std::filesystem::path& b, std::size_t limit) {
  // Says what is no store.
  (void)StoreReader(a);
  (void)StoreReader(b);
  return find_differences(Hdf5File::open(a), Hdf5File::open(b), limit);
}

}  // namespace lacuna
