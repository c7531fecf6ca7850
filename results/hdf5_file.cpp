#include "results/hdf5_file.h"

#include <fmt/format.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <system_error>

#include "results/hdf5_internal.h"

namespace lacuna {

namespace {

using hdf5::Id;

// Everything opened in a file is closed with it, so that no forgotten id keeps the file open.
Id make_access_properties() {
  Id properties(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_fclose_degree(properties.get(), H5F_CLOSE_STRONG);
  return properties;
}

// Creates a file in a form that takes HDF5 1.10 to be read: the older form's index of chunks takes 2 KiB for
// every dataset, twice what all of a part's data do. -> its id; negative if that fails.
hid_t create_file(const std::string& name, const Id& access) {
  // The superblock alone keeps the first form: in images of newer ones HDF5 1.10 leaves a wrong checksum.
  const hid_t file = H5Fcreate(name.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get());
  if (file >= 0 && H5Fset_libver_bounds(file, H5F_LIBVER_V110, H5F_LIBVER_LATEST) < 0) {
    hdf5::fail(ExitCode::kFailure, name, "", "choose the form of");
  }
  return file;
}

// "/a/b" exists only if "/a" does; HDF5 fails on a missing intermediate group instead of saying no.
bool link_exists(hid_t file, const std::string& path) {
  if (path.empty() || path == "/") return true;
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string prefix = path.substr(0, end);
    if (H5Lexists(file, prefix.c_str(), H5P_DEFAULT) <= 0) return false;
    if (end == std::string::npos) break;
  }
  return H5Oexists_by_name(file, path.c_str(), H5P_DEFAULT) > 0;
}

H5O_type_t object_type(hid_t file, const std::string& path) {
  if (!link_exists(file, path)) return H5O_TYPE_UNKNOWN;
  const Id object(H5Oopen(file, path.empty() ? "/" : path.c_str(), H5P_DEFAULT));
  switch (object.is_valid() ? H5Iget_type(object.get()) : H5I_BADID) {
    case H5I_GROUP:
      return H5O_TYPE_GROUP;
    case H5I_DATASET:
      return H5O_TYPE_DATASET;
    default:
      return H5O_TYPE_UNKNOWN;
  }
}

}  // namespace

Hdf5File::Hdf5File(std::int64_t id, std::filesystem::path file, bool writable)
    : id_(id), file_(std::move(file)), writable_(writable) {}

Hdf5File Hdf5File::open(const std::filesystem::path& file) {
  hdf5::prepare_library();
  std::error_code status;
  const std::filesystem::file_type type = std::filesystem::status(file, status).type();
  if (type == std::filesystem::file_type::none) throw StorageError::reading(file, status.value());
  if (type != std::filesystem::file_type::regular) {
    throw InputError({.problem = fmt::format("cannot read '{}'", file.string()),
                      .why = type == std::filesystem::file_type::directory ? "it is a directory"
                                                                           : "there is no such file"});
  }
  const Id access = make_access_properties();
  const hid_t id = H5Fopen(file.c_str(), H5F_ACC_RDONLY, access.get());
  if (id < 0) hdf5::fail(ExitCode::kBadInput, file, "", "open");
  return {id, file, false};
}

Hdf5File Hdf5File::open_image(std::span<const std::uint8_t> image, const std::filesystem::path& name) {
  hdf5::prepare_library();
  const Id access = make_access_properties();
  constexpr std::size_t kGrowBytes = std::size_t{1} << 20U;
  // HDF5 takes two images of one name for the same file.
  static std::atomic<std::uint64_t> opened{0};
  const std::string unique_name = fmt::format("{}#{}", name.string(), opened.fetch_add(1));
  H5Pset_fapl_core(access.get(), kGrowBytes, false);
  // The interface asks for a mutable pointer but copies at once.
  auto* const bytes =
      const_cast<std::uint8_t*>(image.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  const bool is_set = !image.empty() && H5Pset_file_image(access.get(), bytes, image.size()) >= 0;
  const hid_t id = is_set ? H5Fopen(unique_name.c_str(), H5F_ACC_RDONLY, access.get()) : -1;
  if (id < 0) hdf5::fail(ExitCode::kBadInput, name, "", "open");
  return {id, name, false};
}

Hdf5File Hdf5File::create(const std::filesystem::path& file) {
  hdf5::prepare_library();
  const Id access = make_access_properties();
  const hid_t id = create_file(file.string(), access);
  if (id < 0) hdf5::fail(ExitCode::kFailure, file, "", "create");
  return {id, file, true};
}

Hdf5File Hdf5File::open_for_change(const std::filesystem::path& file) {
  hdf5::prepare_library();
  const Id access = make_access_properties();
  const hid_t id = H5Fopen(file.c_str(), H5F_ACC_RDWR, access.get());
  if (id < 0) hdf5::fail(ExitCode::kFailure, file, "", "open");
  return {id, file, true};
}

Hdf5File Hdf5File::create_in_memory(const std::filesystem::path& name) {
  hdf5::prepare_library();
  const Id access = make_access_properties();
  constexpr std::size_t kGrowBytes = std::size_t{1} << 20U;
  H5Pset_fapl_core(access.get(), kGrowBytes, false);
  const hid_t id = create_file(name.string(), access);
  if (id < 0) hdf5::fail(ExitCode::kFailure, name, "", "create in memory");
  return {id, name, true};
}

Hdf5File::Hdf5File(Hdf5File&& other) noexcept
    : id_(std::exchange(other.id_, -1)), file_(std::move(other.file_)), writable_(other.writable_) {}

Hdf5File& Hdf5File::operator=(Hdf5File&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(file_, other.file_);
  std::swap(writable_, other.writable_);
  return *this;
}

Hdf5File::~Hdf5File() {
  if (id_ >= 0) H5Fclose(id_);
}

void Hdf5File::close() {
  const std::int64_t id = std::exchange(id_, -1);
  if (id < 0) return;
  const bool is_flushed = !writable_ || H5Fflush(id, H5F_SCOPE_LOCAL) >= 0;
  const std::string why = is_flushed ? "" : hdf5::last_library_error().text;
  const bool is_closed = H5Fclose(id) >= 0;
  if (!is_flushed) hdf5::fail(ExitCode::kFailure, file_, "", "write", why);
  if (!is_closed) hdf5::fail(ExitCode::kFailure, file_, "", "close");
}

std::vector<std::uint8_t> Hdf5File::image() const {
  if (H5Fflush(id_, H5F_SCOPE_LOCAL) < 0) hdf5::fail(ExitCode::kFailure, file_, "", "flush");
  const ssize_t size = H5Fget_file_image(id_, nullptr, 0);
  if (size <= 0) hdf5::fail(ExitCode::kFailure, file_, "", "take the image of");
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  if (H5Fget_file_image(id_, bytes.data(), bytes.size()) != size) {
    hdf5::fail(ExitCode::kFailure, file_, "", "take the image of");
  }
  return bytes;
}

bool Hdf5File::exists(const std::string& path) const {
  hdf5::prepare_library();
  return link_exists(id_, path);
}

bool Hdf5File::is_group(const std::string& path) const {
  hdf5::prepare_library();
  return object_type(id_, path) == H5O_TYPE_GROUP;
}

bool Hdf5File::is_dataset(const std::string& path) const {
  hdf5::prepare_library();
  return object_type(id_, path) == H5O_TYPE_DATASET;
}

std::vector<std::string> Hdf5File::members(const std::string& group) const {
  hdf5::prepare_library();
  if (!is_group(group)) {
    hdf5::fail(ExitCode::kBadInput, file_, group, "list",
               exists(group) ? "it is no group" : "the file has no such group");
  }
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5L_info_t*, void* list) -> herr_t {
    static_cast<std::vector<std::string>*>(list)->emplace_back(name);
    return 0;
  };
  hsize_t position = 0;
  if (H5Literate_by_name(id_, group.c_str(), H5_INDEX_NAME, H5_ITER_INC, &position, collect, &names,
                         H5P_DEFAULT) < 0) {
    hdf5::fail(ExitCode::kBadInput, file_, group, "list");
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::int64_t> Hdf5File::shape(const std::string& dataset) const {
  return open_dataset(dataset).shape();
}

Hdf5Type Hdf5File::type(const std::string& dataset) const {
  return open_dataset(dataset).type();
}

std::uint64_t Hdf5File::object_address(const std::string& path) const {
  hdf5::prepare_library();
  H5O_info_t info;
  if (H5Oget_info_by_name2(id_, path.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) {
    hdf5::fail(ExitCode::kBadInput, file_, path, "find");
  }
  return info.addr;
}

void Hdf5File::create_group(const std::string& path) {
  hdf5::prepare_library();
  if (path.empty() || is_group(path)) return;
  // Level by level: groups that HDF5 adds on the way bear the time of day.
  create_parent(path);
  const Id properties(H5Pcreate(H5P_GROUP_CREATE));
  H5Pset_obj_track_times(properties.get(), false);  // equal content gives equal files
  const Id links = hdf5::make_link_properties();
  const Id group(H5Gcreate2(id_, path.c_str(), links.get(), properties.get(), H5P_DEFAULT));
  if (!group.is_valid()) hdf5::fail(ExitCode::kFailure, file_, path, "create");
}

void Hdf5File::create_parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos) create_group(path.substr(0, slash));
}

void Hdf5File::create_hard_link(const std::string& existing, const std::string& link) {
  hdf5::prepare_library();
  create_parent(link);
  const Id links = hdf5::make_link_properties();
  if (H5Lcreate_hard(id_, existing.c_str(), id_, link.c_str(), links.get(), H5P_DEFAULT) < 0) {
    hdf5::fail(ExitCode::kFailure, file_, link, "create the link");
  }
}

void Hdf5File::make_scale(const std::string& dataset, const std::string& name) {
  hdf5::prepare_library();
  const Hdf5Dataset scale = open_dataset(dataset);
  if (H5DSset_scale(scale.id_, name.c_str()) < 0) {
    hdf5::fail(ExitCode::kFailure, file_, dataset, "make a dimension scale of");
  }
}

void Hdf5File::attach_scale(const std::string& dataset, std::int64_t axis, const std::string& scale) {
  hdf5::prepare_library();
  const Hdf5Dataset target = open_dataset(dataset);
  const Hdf5Dataset source = open_dataset(scale);
  std::array<char, 256> name{};
  H5DSget_scale_name(source.id_, name.data(), name.size());
  const auto index = static_cast<unsigned>(axis);
  if (H5DSattach_scale(target.id_, source.id_, index) < 0 ||
      H5DSset_label(target.id_, index, name.data()) < 0) {
    hdf5::fail(ExitCode::kFailure, file_, dataset, "attach the scale '" + scale + "' to");
  }
}

std::vector<std::string> Hdf5File::axis_labels(const std::string& dataset) const {
  hdf5::prepare_library();
  const Hdf5Dataset target = open_dataset(dataset);
  std::vector<std::string> labels;
  for (std::size_t axis = 0; axis < target.shape().size(); ++axis) {
    std::array<char, 256> label{};
    H5DSget_label(target.id_, static_cast<unsigned>(axis), label.data(), label.size());
    labels.emplace_back(label.data());
  }
  return labels;
}

}  // namespace lacuna
