// What the hdf5_*.cpp files share: owned ids, errors, types. The only header that includes hdf5.h.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "results/hdf5_file.h"

namespace lacuna::hdf5 {

// Once a thread: HDF5 prints no errors of its own (its error handler is a thread's own matter), and registers
// no clean-up at exit, which crashes after a full disk (every id of ours is closed by its owner anyhow).
void prepare_library();

// What HDF5 itself says about the last failed call.
struct LibraryError {
  std::string text;
  int error_number = 0;  // of the operating system; 0: it was not its fault
};
// The innermost entry of its error stack. Clears the stack.
LibraryError last_library_error();

// Throws an Hdf5Error about `object` in `file`: "cannot <action>", and why.
[[noreturn]] void fail(ExitCode exit_code, const std::filesystem::path& file, const std::string& object,
                       const std::string& action, std::string why);
// The reason is the library's last error. Throws a StorageError if the operating system could not read the
// file.
[[noreturn]] void fail(ExitCode exit_code, const std::filesystem::path& file, const std::string& object,
                       const std::string& action);

// Owns an id of a property list, data space, data type, group, attribute or file-independent object.
class Id {
 public:
  Id() = default;
  explicit Id(hid_t id) : id_(id) {}
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Id& operator=(Id&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  Id(const Id&) = delete;
  Id& operator=(const Id&) = delete;
  ~Id() {
    if (id_ >= 0) H5Idec_ref(id_);
  }
  [[nodiscard]] hid_t get() const { return id_; }
  [[nodiscard]] bool is_valid() const { return id_ >= 0; }

 private:
  hid_t id_ = -1;
};

// The HDF5 type of a T in memory.
template <class T>
hid_t native_type() {
  if constexpr (std::is_same_v<T, std::int8_t>) return H5T_NATIVE_INT8;
  if constexpr (std::is_same_v<T, std::uint8_t>) return H5T_NATIVE_UINT8;
  if constexpr (std::is_same_v<T, std::int16_t>) return H5T_NATIVE_INT16;
  if constexpr (std::is_same_v<T, std::uint16_t>) return H5T_NATIVE_UINT16;
  if constexpr (std::is_same_v<T, std::int32_t>) return H5T_NATIVE_INT32;
  if constexpr (std::is_same_v<T, std::uint32_t>) return H5T_NATIVE_UINT32;
  if constexpr (std::is_same_v<T, std::int64_t>) return H5T_NATIVE_INT64;
  if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_NATIVE_UINT64;
  if constexpr (std::is_same_v<T, float>) return H5T_NATIVE_FLOAT;
  if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
  return -1;
}

// The type in the file: little-endian numbers whatever the machine, variable-length UTF-8 strings.
Id make_file_type(Hdf5Type type);
template <class T>
constexpr Hdf5Type type_of();

// The kind of an HDF5 data type.
Hdf5Type classify(hid_t type);

// The extent of a data space; empty for scalars.
std::vector<std::int64_t> extent_of(hid_t space);

// The product of `shape`; fails if it is no sensible number of elements.
std::int64_t element_count(const std::vector<std::int64_t>& shape);

// A data space of that shape (scalar if empty).
Id make_space(const std::vector<std::int64_t>& shape);

// Link creation: makes the groups on the way, names in UTF-8.
Id make_link_properties();

// The bytes of strings as HDF5 gave them (`raw`: elements of `type`, which is a string type) as std::strings.
std::vector<std::string> strings_from_fixed(const std::vector<char>& raw, hid_t type, std::size_t count);
std::vector<std::string> strings_from_variable(const std::vector<char*>& raw);

// Where numbers are asked for, the file has numbers; where strings are, strings. Fails otherwise.
template <class T>
void check_type(Hdf5Type type, hid_t file_type, const std::filesystem::path& file,
                const std::string& object) {
  const bool is_number = H5Tget_class(file_type) == H5T_INTEGER || H5Tget_class(file_type) == H5T_FLOAT ||
                         H5Tget_class(file_type) == H5T_ENUM;
  const bool fits = std::is_same_v<T, std::string> ? type == Hdf5Type::kString : is_number;
  if (!fits) {
    fail(ExitCode::kBadInput, file, object, "read",
         std::is_same_v<T, std::string> ? "it does not hold strings" : "it does not hold numbers");
  }
}

template <class T>
constexpr Hdf5Type type_of() {
  if constexpr (std::is_same_v<T, std::int8_t>) return Hdf5Type::kInt8;
  if constexpr (std::is_same_v<T, std::uint8_t>) return Hdf5Type::kUInt8;
  if constexpr (std::is_same_v<T, std::int16_t>) return Hdf5Type::kInt16;
  if constexpr (std::is_same_v<T, std::uint16_t>) return Hdf5Type::kUInt16;
  if constexpr (std::is_same_v<T, std::int32_t>) return Hdf5Type::kInt32;
  if constexpr (std::is_same_v<T, std::uint32_t>) return Hdf5Type::kUInt32;
  if constexpr (std::is_same_v<T, std::int64_t>) return Hdf5Type::kInt64;
  if constexpr (std::is_same_v<T, std::uint64_t>) return Hdf5Type::kUInt64;
  if constexpr (std::is_same_v<T, float>) return Hdf5Type::kFloat32;
  if constexpr (std::is_same_v<T, double>) return Hdf5Type::kFloat64;
  return Hdf5Type::kString;
}

}  // namespace lacuna::hdf5

// Instantiates `apply(T)` for every element type of hdf5_file.h.
#define LACUNA_FOR_EACH_HDF5_TYPE(apply)                                                              \
  apply(std::int8_t) apply(std::uint8_t) apply(std::int16_t) apply(std::uint16_t) apply(std::int32_t) \
      apply(std::uint32_t) apply(std::int64_t) apply(std::uint64_t) apply(float) apply(double)        \
          apply(std::string)
