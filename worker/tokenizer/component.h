// One component of a tokenizer.json (a normalizer, a decoder, ...) while it is being read: typed access to
// its fields, and errors that name the component by its path in the file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lacuna {

class Component {
 public:
  // `path`: where `value` lies in the file, for example "pre_tokenizer.pretokenizers[1]". Both outlive this.
  Component(const nlohmann::json& value, std::string path, const std::filesystem::path& origin)
      : value_(&value), path_(std::move(path)), origin_(&origin) {}

  [[nodiscard]] const nlohmann::json& value() const { return *value_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_null() const { return value_->is_null(); }

  // The component is there but not as it should be, or not one that we implement.
  [[noreturn]] void refuse(const std::string& why) const;

  // The field "type" of an object; throws if there is none.
  [[nodiscard]] std::string type() const;

  // Throws unless every field of this object is one of `names`: an unknown option is never ignored.
  void allow_only(std::initializer_list<std::string_view> names) const;

  // A field, which must exist / which may be missing or null.
  [[nodiscard]] Component field(std::string_view name) const;
  [[nodiscard]] std::optional<Component> find(std::string_view name) const;

  // The elements of this array, at most `limit`.
  [[nodiscard]] std::vector<Component> elements(std::size_t limit) const;

  // This value itself as a string (well-formed UTF-8, as JSON text is), a truth value, or a whole number from
  // 0 to `max`.
  [[nodiscard]] const std::string& text() const;
  [[nodiscard]] bool boolean() const;
  [[nodiscard]] std::size_t whole_number(std::size_t max) const;

  // A truth value field with a default for when it is missing or null.
  [[nodiscard]] bool boolean_or(std::string_view name, bool fallback) const;

 private:
  const nlohmann::json* value_;
  std::string path_;
  const std::filesystem::path* origin_;
};

}  // namespace lacuna
