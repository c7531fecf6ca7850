#include "results/hdf5_internal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>
#include <system_error>

namespace lacuna {

std::string_view to_string(Hdf5Type type) {
  static constexpr std::array<std::string_view, 12> kNames = {"int8",    "uint8",   "int16",  "uint16",
                                                              "int32",   "uint32",  "int64",  "uint64",
                                                              "float32", "float64", "string", "other"};
  return kNames.at(static_cast<std::size_t>(type));
}

Hdf5Error::Hdf5Error(ExitCode exit_code, ErrorText text, std::filesystem::path file, std::string object)
    : Error(exit_code, std::move(text), SourceLocation{.file = std::move(file)}),
      object_(std::move(object)) {}

Hdf5Layout Hdf5Layout::compressed(std::int64_t row_bytes) {
  constexpr std::int64_t kChunkBytes = std::int64_t{512} << 10U;  // two fit into HDF5's chunk cache of 1 MiB
  return {.chunk_rows = std::max<std::int64_t>(1, kChunkBytes / std::max<std::int64_t>(1, row_bytes)),
          .deflate_level = 6};
}

namespace hdf5 {

void prepare_library() {
  static std::once_flag once;
  std::call_once(once, [] { H5dont_atexit(); });
  thread_local const bool is_quiet = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  (void)is_quiet;
}

LibraryError last_library_error() {
  std::string description;
  const auto take_innermost = [](unsigned position, const H5E_error2_t* entry, void* text) -> herr_t {
    if (position == 0 && entry->desc != nullptr) *static_cast<std::string*>(text) = entry->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_innermost, &description);
  H5Eclear2(H5E_DEFAULT);
  // HDF5 lists buffer addresses and times around what the system said; people only want the latter.
  constexpr std::string_view kMark = "errno = ";
  const std::size_t at = description.find(kMark);
  if (at == std::string::npos) return {.text = description};
  const int error_number = std::atoi(description.c_str() + at + kMark.size());
  if (error_number <= 0) return {.text = description};
  return {.text = std::generic_category().message(error_number), .error_number = error_number};
}

void fail(ExitCode exit_code, const std::filesystem::path& file, const std::string& object,
          const std::string& action) {
  LibraryError error = last_library_error();
  const bool could_not_be_read = exit_code == ExitCode::kBadInput && error.error_number != 0;
  if (could_not_be_read) throw StorageError::reading(file, error.error_number);
  fail(exit_code, file, object, action, std::move(error.text));
}

void fail(ExitCode exit_code, const std::filesystem::path& file, const std::string& object,
          const std::string& action, std::string why) {
  const std::string target = object.empty() ? std::string("the HDF5 file") : fmt::format("'{}'", object);
  throw Hdf5Error(exit_code, {.problem = fmt::format("cannot {} {}", action, target), .why = std::move(why)},
                  file, object);
}

Id make_file_type(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::kInt8:
      return Id(H5Tcopy(H5T_STD_I8LE));
    case Hdf5Type::kUInt8:
      return Id(H5Tcopy(H5T_STD_U8LE));
    case Hdf5Type::kInt16:
      return Id(H5Tcopy(H5T_STD_I16LE));
    case Hdf5Type::kUInt16:
      return Id(H5Tcopy(H5T_STD_U16LE));
    case Hdf5Type::kInt32:
      return Id(H5Tcopy(H5T_STD_I32LE));
    case Hdf5Type::kUInt32:
      return Id(H5Tcopy(H5T_STD_U32LE));
    case Hdf5Type::kInt64:
      return Id(H5Tcopy(H5T_STD_I64LE));
    case Hdf5Type::kUInt64:
      return Id(H5Tcopy(H5T_STD_U64LE));
    case Hdf5Type::kFloat32:
      return Id(H5Tcopy(H5T_IEEE_F32LE));
    case Hdf5Type::kFloat64:
      return Id(H5Tcopy(H5T_IEEE_F64LE));
    case Hdf5Type::kString: {
      Id id(H5Tcopy(H5T_C_S1));
      H5Tset_size(id.get(), H5T_VARIABLE);
      H5Tset_cset(id.get(), H5T_CSET_UTF8);
      return id;
    }
    case Hdf5Type::kOther:
      break;
  }
  throw std::logic_error("no HDF5 type for Hdf5Type::kOther");
}

Hdf5Type classify(hid_t type) {
  const H5T_class_t kind = H5Tget_class(type);
  const std::size_t size = H5Tget_size(type);
  if (kind == H5T_STRING) return Hdf5Type::kString;
  if (kind == H5T_FLOAT && size == 4) return Hdf5Type::kFloat32;
  if (kind == H5T_FLOAT && size == 8) return Hdf5Type::kFloat64;
  if (kind == H5T_INTEGER) {
    const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
    switch (size) {
      case 1:
        return is_signed ? Hdf5Type::kInt8 : Hdf5Type::kUInt8;
      case 2:
        return is_signed ? Hdf5Type::kInt16 : Hdf5Type::kUInt16;
      case 4:
        return is_signed ? Hdf5Type::kInt32 : Hdf5Type::kUInt32;
      case 8:
        return is_signed ? Hdf5Type::kInt64 : Hdf5Type::kUInt64;
      default:
        break;
    }
  }
  return Hdf5Type::kOther;
}

std::vector<std::int64_t> extent_of(hid_t space) {
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank <= 0) return {};
  std::vector<hsize_t> sizes(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space, sizes.data(), nullptr);
  return {sizes.begin(), sizes.end()};
}

std::int64_t element_count(const std::vector<std::int64_t>& shape) {
  constexpr std::int64_t kMost = std::int64_t{1} << 48;  // far beyond any memory, far below overflow
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || (size > 0 && count > kMost / size)) return kMost;
    count *= size;
  }
  return count;
}

Id make_space(const std::vector<std::int64_t>& shape) {
  if (shape.empty()) return Id(H5Screate(H5S_SCALAR));
  std::vector<hsize_t> sizes;
  for (const std::int64_t size : shape) sizes.push_back(static_cast<hsize_t>(size));
  return Id(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr));
}

Id make_link_properties() {
  Id properties(H5Pcreate(H5P_LINK_CREATE));
  H5Pset_char_encoding(properties.get(), H5T_CSET_UTF8);
  return properties;
}

std::vector<std::string> strings_from_fixed(const std::vector<char>& raw, hid_t type, std::size_t count) {
  const std::size_t size = H5Tget_size(type);
  const H5T_str_t padding = H5Tget_strpad(type);
  std::vector<std::string> strings;
  strings.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::string text(raw.data() + i * size, size);
    if (padding == H5T_STR_NULLTERM) {
      text.resize(::strnlen(text.data(), size));
    } else {
      const std::size_t last = text.find_last_not_of(padding == H5T_STR_SPACEPAD ? ' ' : '\0');
      text.resize(last == std::string::npos ? 0 : last + 1);
    }
    strings.push_back(std::move(text));
  }
  return strings;
}

std::vector<std::string> strings_from_variable(const std::vector<char*>& raw) {
  std::vector<std::string> strings;
  strings.reserve(raw.size());
  for (const char* const text : raw) strings.emplace_back(text == nullptr ? "" : text);
  return strings;
}

}  // namespace hdf5
}  // namespace lacuna
