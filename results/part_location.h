// Where a unit's part lies: in a file of its own, or between others in a bundle. Whoever reads parts reads
// them through this.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/ids.h"
#include "results/hdf5_file.h"

namespace lacuna {

// The part of a unit, as a file's name or a bundle's index says: nothing of the part itself was read.
struct PartLocation {
  UnitId unit;
  std::filesystem::path file;
  bool is_bundled = false;
  std::uint64_t offset = 0;  // bundled only, bytes
  std::uint64_t size = 0;    // bundled only, bytes with the checksum trailer
};

// "parts/<unit>.h5", or "parts/<bundle> (unit <unit>)".
std::string describe(const PartLocation& part);

// Whether the file that holds the part is there.
bool is_there(const PartLocation& part);

// Reads the part once. Nothing if its checksum fits, else what is wrong, as find_checksum_problem says it.
// Throws StorageError if it cannot be read, as those below do.
std::optional<std::string> find_part_problem(const PartLocation& part);

// The part with its trailer. Throws InputError if it is not there (whole).
std::vector<std::uint8_t> read_part_bytes(const PartLocation& part);

// Opens it for reading: a loose part as a file, a bundled one from memory. Throws as Hdf5File::open does.
Hdf5File open_part(const PartLocation& part);

}  // namespace lacuna
