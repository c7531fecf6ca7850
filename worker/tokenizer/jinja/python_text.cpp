#include "worker/tokenizer/jinja/python_text.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "core/utf8.h"

namespace lacuna::jinja {
namespace {

// repr(float): the shortest digits that read back the same; an exponent below 1e-4 and from 1e16 on.
std::string write_float(double number, bool json) {
  if (std::isnan(number)) return json ? "NaN" : "nan";
  if (std::isinf(number)) {
    return std::string(number < 0 ? "-" : "") + (json ? "Infinity" : "inf");
  }
  std::array<char, 512> buffer;
  const double size = std::fabs(number);
  const bool exponent = size != 0.0 && (size < 1e-4 || size >= 1e16);
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, format);
  std::string text(buffer.data(), result.ptr);
  if (!exponent && text.find('.') == std::string::npos) text.append(".0");
  return text;
}

// str.isprintable for one code point, as far as this machine's Unicode tables know it.
bool is_printable(char32_t code_point) {
  if (code_point == ' ') return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code_point))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

void append_string_repr(std::string& output, std::string_view text) {
  const bool double_quotes =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = double_quotes ? '"' : '\'';
  output.push_back(quote);
  for (std::size_t at = 0; at < text.size();) {
    const utf8::CodePoint point = utf8::read(text, at);
    const auto value = static_cast<std::uint32_t>(point.value);
    if (value == static_cast<unsigned char>(quote) || value == '\\') {
      output.push_back('\\');
      output.push_back(static_cast<char>(value));
    } else if (value == '\n') {
      output += "\\n";
    } else if (value == '\r') {
      output += "\\r";
    } else if (value == '\t') {
      output += "\\t";
    } else if (is_printable(point.value)) {
      output += text.substr(at, point.length);
    } else if (value < 0x100) {
      output += fmt::format("\\x{:02x}", value);
    } else if (value < 0x10000) {
      output += fmt::format("\\u{:04x}", value);
    } else {
      output += fmt::format("\\U{:08x}", value);
    }
    at += point.length;
  }
  output.push_back(quote);
}

void append_json_string(std::string& output, std::string_view text) {
  output.push_back('"');
  for (const char byte : text) {
    switch (byte) {
      case '"':
        output += "\\\"";
        break;
      case '\\':
        output += "\\\\";
        break;
      case '\n':
        output += "\\n";
        break;
      case '\r':
        output += "\\r";
        break;
      case '\t':
        output += "\\t";
        break;
      case '\f':
        output += "\\f";
        break;
      case '\b':
        output += "\\b";
        break;
      default:
        if (static_cast<unsigned char>(byte) < 0x20) {
          output += fmt::format("\\u{:04x}", static_cast<unsigned>(byte));
        } else {
          output.push_back(byte);
        }
    }
  }
  output.push_back('"');
}

// Writes a value as Python source (repr) or as JSON; the two differ in words, strings and line breaks only.
class Writer {
 public:
  Writer(bool json, std::optional<std::int64_t> indent, Budget& budget)
      : json_(json), indent_(indent), budget_(budget) {}

  void write(const Value& value, std::size_t level) {
    budget_.spend_steps(1);
    const std::size_t before = output_.size();
    if (const std::string* text = value.as_string()) {
      budget_.spend_bytes(text->size());
      json_ ? append_json_string(output_, *text) : append_string_repr(output_, *text);
    } else if (const List* list = value.as_list()) {
      write_list(*list, level);
    } else if (const Dict* dict = value.as_dict()) {
      write_dict(*dict, level);
    } else {
      write_simple(value);
      budget_.spend_bytes(output_.size() - before);
    }
  }

  std::string take() { return std::move(output_); }

 private:
  void write_simple(const Value& value) {
    if (const bool* boolean = value.as_boolean()) {
      output_ += json_ ? (*boolean ? "true" : "false") : (*boolean ? "True" : "False");
    } else if (const std::int64_t* integer = value.as_integer()) {
      output_ += std::to_string(*integer);
    } else if (const double* number = value.as_float()) {
      output_ += write_float(*number, json_);
    } else if (value.is_none()) {
      output_ += json_ ? "null" : "None";
    } else if (value.is_undefined() && !json_) {
      output_ += "Undefined";
    } else if (json_) {
      raise(fmt::format("Object of type {} is not JSON serializable", name_type(value)));
    } else {
      refuse_template(fmt::format("printing a {} is not supported", name_type(value)));
    }
  }

  void break_line(std::size_t level) {
    if (!indent_) return;
    const std::size_t spaces = static_cast<std::size_t>(*indent_) * level;
    budget_.spend_bytes(spaces + 1);
    output_.append(1, '\n').append(spaces, ' ');
  }
  void separate() { output_ += indent_ ? "," : ", "; }

  void write_list(const List& list, std::size_t level) {
    const bool tuple = list.is_tuple && !json_;
    output_.push_back(tuple ? '(' : '[');
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) separate();
      break_line(level + 1);
      write(list.items[i], level + 1);
    }
    if (!list.items.empty()) break_line(level);
    if (tuple && list.items.size() == 1) output_.push_back(',');
    output_.push_back(tuple ? ')' : ']');
  }

  void write_dict(const Dict& dict, std::size_t level) {
    output_.push_back('{');
    for (std::size_t i = 0; i < dict.items.size(); ++i) {
      const auto& [key, value] = dict.items[i];
      if (i > 0) separate();
      break_line(level + 1);
      budget_.spend_bytes(key.size());
      json_ ? append_json_string(output_, key) : append_string_repr(output_, key);
      output_ += ": ";
      write(value, level + 1);
    }
    if (!dict.items.empty()) break_line(level);
    output_.push_back('}');
  }

  bool json_;
  std::optional<std::int64_t> indent_;
  Budget& budget_;
  std::string output_;
};

bool is_in_set(char32_t code_point, const std::optional<std::string>& characters) {
  if (!characters) return utf8::is_python_space(code_point);
  std::string encoded;
  utf8::append(encoded, code_point);
  return characters->find(encoded) != std::string::npos;
}

// The bounds of a slice over `length` elements, as Python's slice.indices.
struct Bounds {
  std::int64_t start;
  std::int64_t stop;
  std::int64_t step;
};

Bounds resolve(const Slice& slice, std::int64_t length) {
  const std::int64_t step = slice.step.value_or(1);
  if (step == 0) raise("slice step cannot be zero");
  const std::int64_t low = step > 0 ? 0 : -1;
  const std::int64_t high = step > 0 ? length : length - 1;
  const auto clamp = [&](std::int64_t index) {
    if (index < 0) {
      index += length;
      return index < low ? low : index;
    }
    return index > high ? high : index;
  };
  return {slice.start ? clamp(*slice.start) : (step > 0 ? low : high),
          slice.stop ? clamp(*slice.stop) : (step > 0 ? high : low), step};
}

std::vector<Value> pick(const std::vector<Value>& items, const Slice& slice) {
  const Bounds bounds = resolve(slice, static_cast<std::int64_t>(items.size()));
  std::vector<Value> picked;
  for (std::int64_t at = bounds.start; bounds.step > 0 ? at < bounds.stop : at > bounds.stop;) {
    picked.push_back(items[static_cast<std::size_t>(at)]);
    // A step can be near the limits of the type; stop before the sum overflows.
    const std::int64_t left = bounds.step > 0 ? bounds.stop - at : at - bounds.stop;
    if (bounds.step >= left || bounds.step <= -left) break;
    at += bounds.step;
  }
  return picked;
}

}  // namespace

std::string to_text(const Value& value, Budget& budget) {
  if (const std::string* text = value.as_string()) {
    budget.spend_bytes(text->size());
    return *text;
  }
  if (value.is_undefined()) return {};
  return to_repr(value, budget);
}

std::string to_repr(const Value& value, Budget& budget) {
  Writer writer(false, std::nullopt, budget);
  writer.write(value, 0);
  return writer.take();
}

std::string to_json(const Value& value, std::optional<std::int64_t> indent, Budget& budget) {
  Writer writer(true, indent, budget);
  writer.write(value, 0);
  return writer.take();
}

std::string_view strip(std::string_view text, const std::optional<std::string>& characters, StripSide side) {
  while (side != StripSide::kRight && !text.empty()) {
    const utf8::CodePoint point = utf8::read(text, 0);
    if (!is_in_set(point.value, characters)) break;
    text.remove_prefix(point.length);
  }
  while (side != StripSide::kLeft && !text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80U) --start;
    if (!is_in_set(utf8::read(text, start).value, characters)) break;
    text = text.substr(0, start);
  }
  return text;
}

Value take_slice(const Value& value, const Slice& slice, Budget& budget) {
  require_defined(value);
  if (const List* list = value.as_list()) {
    budget.spend_steps(list->items.size());
    return make_list(pick(list->items, slice), budget, list->is_tuple);
  }
  if (const std::string* text = value.as_string()) {
    budget.spend_steps(text->size() / 16);
    if (slice.step.value_or(1) != 1) {
      std::string picked;
      for (const Value& character : pick(list_elements(value, budget), slice))
        picked += *character.as_string();
      return picked;
    }
    const Bounds bounds = resolve(slice, static_cast<std::int64_t>(utf8::count(*text)));
    if (bounds.stop <= bounds.start) return std::string();
    const std::size_t start = utf8::advance(*text, 0, static_cast<std::size_t>(bounds.start));
    const std::size_t stop =
        utf8::advance(*text, start, static_cast<std::size_t>(bounds.stop - bounds.start));
    budget.spend_bytes(stop - start);
    return text->substr(start, stop - start);
  }
  if (value.as_dict() != nullptr) raise("unhashable type: 'slice'");
  raise(fmt::format("'{}' object is not subscriptable", name_type(value)));
}

}  // namespace lacuna::jinja
