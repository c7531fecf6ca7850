// The bundle file: many parts one behind another, so that a large run is not a large number of files.
//
// 16 bytes "LACUNABN", uint32 version 1, uint32 zero; then the parts as they were, each with its checksum
// trailer; then the index, a JSON text, with a checksum trailer of its own. So a bundle is read from its end,
// and every part in it can be found and trusted without the index. Integers are little-endian.
//
// The index: {"format": "lacuna-bundle", "run_fingerprint": ..., "parts": [{"unit", "stream",
// "first_question", "question_count", "offset", "size"}, ...]}, sizes in bytes with the trailer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/work_unit.h"
#include "results/durable_file.h"
#include "results/part_location.h"

namespace lacuna {

inline constexpr const char* kBundleExtension = ".bundle";

// What the index says of a part.
struct BundledPart {
  UnitId unit;
  std::string stream;
  std::int64_t first_question = 0;
  std::int64_t question_count = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

struct BundleIndex {
  std::string fingerprint;
  std::vector<BundledPart> parts;
};

// Whether the index entry says what the plan says of that unit.
bool is_entry_of(const BundledPart& entry, const WorkUnit& unit);

// The part's place in the bundle `file`.
PartLocation locate(const std::filesystem::path& file, const BundledPart& entry);

// Writes a bundle that appears when it is committed. Throws StorageError.
class BundleWriter {
 public:
  BundleWriter(const std::filesystem::path& file, std::string fingerprint);
  // `bytes`: the whole part with its trailer, already checked.
  void add(const WorkUnit& unit, std::span<const std::uint8_t> bytes);
  void commit();
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::size_t part_count() const { return index_.parts.size(); }

 private:
  DurableFile output_;
  BundleIndex index_;
  std::uint64_t size_ = 0;
};

// Reads and checks the index only, at the file's end. Throws InputError whose `why` says what is wrong with
// the bundle. Entries lie inside the file and do not overlap. Throws StorageError if it cannot be read.
BundleIndex read_bundle_index(const std::filesystem::path& file);

// A damaged bundle's whole parts, found by their trailers: bytes with the trailer, in the file's order.
// `take` gets them one by one. Files that are too large for a bundle are not searched. Throws StorageError if
// it cannot be read, before `take` is called.
void for_each_whole_part(const std::filesystem::path& file,
                         const std::function<void(std::span<const std::uint8_t>)>& take);

}  // namespace lacuna
