// The attributes of Hdf5File's objects.
#include <algorithm>
#include <array>

#include "results/hdf5_internal.h"

namespace lacuna {

namespace {

using hdf5::Id;

Id open_attribute(std::int64_t file_id, const std::filesystem::path& file, const std::string& object,
                  const std::string& name) {
  hdf5::prepare_library();
  Id attribute(H5Aopen_by_name(file_id, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute.is_valid()) {
    hdf5::fail(ExitCode::kBadInput, file, object, "read attribute '" + name + "' of", "there is none");
  }
  return attribute;
}

std::vector<std::string> read_strings(const Id& attribute, const Id& type, std::size_t count,
                                      bool& has_failed) {
  if (H5Tis_variable_str(type.get()) > 0) {
    std::vector<char*> raw(count, nullptr);
    has_failed = H5Aread(attribute.get(), type.get(), raw.data()) < 0;
    std::vector<std::string> strings = hdf5::strings_from_variable(raw);
    const Id space(H5Aget_space(attribute.get()));
    H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, raw.data());
    return strings;
  }
  std::vector<char> raw(count * H5Tget_size(type.get()));
  has_failed = H5Aread(attribute.get(), type.get(), raw.data()) < 0;
  return hdf5::strings_from_fixed(raw, type.get(), count);
}

template <class T>
void write_values(std::int64_t file_id, const std::filesystem::path& file, const std::string& object,
                  const std::string& name, const std::vector<std::int64_t>& shape, const T* values,
                  std::size_t count) {
  hdf5::prepare_library();
  const Id space = hdf5::make_space(shape);
  const Id file_type = hdf5::make_file_type(hdf5::type_of<T>());
  if (H5Aexists_by_name(file_id, object.c_str(), name.c_str(), H5P_DEFAULT) > 0) {
    H5Adelete_by_name(file_id, object.c_str(), name.c_str(), H5P_DEFAULT);
  }
  const Id attribute(H5Acreate_by_name(file_id, object.c_str(), name.c_str(), file_type.get(), space.get(),
                                       H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  herr_t status = -1;
  if (attribute.is_valid()) {
    if constexpr (std::is_same_v<T, std::string>) {
      std::vector<const char*> raw;
      for (std::size_t i = 0; i < count; ++i) raw.push_back(values[i].c_str());
      status = count == 0 ? 0 : H5Awrite(attribute.get(), file_type.get(), raw.data());
    } else {
      status = count == 0 ? 0 : H5Awrite(attribute.get(), hdf5::native_type<T>(), values);
    }
  }
  if (status < 0) hdf5::fail(ExitCode::kFailure, file, object, "write attribute '" + name + "' of");
}

}  // namespace

bool Hdf5File::has_attribute(const std::string& object, const std::string& name) const {
  hdf5::prepare_library();
  return exists(object) && H5Aexists_by_name(id_, object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> Hdf5File::attribute_names(const std::string& object) const {
  hdf5::prepare_library();
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5A_info_t*, void* list) -> herr_t {
    static_cast<std::vector<std::string>*>(list)->emplace_back(name);
    return 0;
  };
  hsize_t position = 0;
  if (H5Aiterate_by_name(id_, object.c_str(), H5_INDEX_NAME, H5_ITER_NATIVE, &position, collect, &names,
                         H5P_DEFAULT) < 0) {
    hdf5::fail(ExitCode::kBadInput, file_, object, "list the attributes of");
  }
  std::sort(names.begin(), names.end());
  return names;
}

Hdf5Type Hdf5File::attribute_type(const std::string& object, const std::string& name) const {
  const Id attribute = open_attribute(id_, file_, object, name);
  return hdf5::classify(Id(H5Aget_type(attribute.get())).get());
}

template <class T>
Hdf5Array<T> Hdf5File::read_attribute(const std::string& object, const std::string& name) const {
  const Id attribute = open_attribute(id_, file_, object, name);
  const Id file_type(H5Aget_type(attribute.get()));
  const std::string described = object + " @" + name;
  hdf5::check_type<T>(hdf5::classify(file_type.get()), file_type.get(), file_, described);
  Hdf5Array<T> result;
  result.shape = hdf5::extent_of(Id(H5Aget_space(attribute.get())).get());
  constexpr std::int64_t kMostElements = 1 << 20;  // attributes are small by HDF5's own rules
  const std::int64_t elements = hdf5::element_count(result.shape);
  if (elements > kMostElements || H5Tget_size(file_type.get()) > (1U << 16U)) {
    hdf5::fail(ExitCode::kBadInput, file_, described, "read", "it claims to be too large for an attribute");
  }
  const auto count = static_cast<std::size_t>(elements);
  if (count == 0) return result;
  bool has_failed = false;
  if constexpr (std::is_same_v<T, std::string>) {
    result.values = read_strings(attribute, file_type, count, has_failed);
  } else {
    result.values.resize(count);
    has_failed = H5Aread(attribute.get(), hdf5::native_type<T>(), result.values.data()) < 0;
  }
  if (has_failed) hdf5::fail(ExitCode::kBadInput, file_, described, "read");
  return result;
}

template <class T>
T Hdf5File::read_scalar_attribute(const std::string& object, const std::string& name) const {
  const Hdf5Array<T> array = read_attribute<T>(object, name);
  if (array.values.size() != 1) {
    hdf5::fail(ExitCode::kBadInput, file_, object + " @" + name, "read",
               "it does not hold exactly one value");
  }
  return array.values.front();
}

template <class T>
void Hdf5File::write_attribute(const std::string& object, const std::string& name, const T& value) {
  write_values<T>(id_, file_, object, name, {}, &value, 1);
}

template <class T>
void Hdf5File::write_list_attribute(const std::string& object, const std::string& name,
                                    const std::vector<T>& values) {
  write_values<T>(id_, file_, object, name, {static_cast<std::int64_t>(values.size())}, values.data(),
                  values.size());
}

#define LACUNA_INSTANTIATE(T)                                                                      \
  template Hdf5Array<T> Hdf5File::read_attribute<T>(const std::string&, const std::string&) const; \
  template T Hdf5File::read_scalar_attribute<T>(const std::string&, const std::string&) const;     \
  template void Hdf5File::write_attribute<T>(const std::string&, const std::string&, const T&);    \
  template void Hdf5File::write_list_attribute<T>(const std::string&, const std::string&,          \
                                                  const std::vector<T>&);
LACUNA_FOR_EACH_HDF5_TYPE(LACUNA_INSTANTIATE)

}  // namespace lacuna
