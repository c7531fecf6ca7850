#include "worker/tokenizer/decoder.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <string_view>

#include "core/utf8.h"
#include "worker/tokenizer/byte_alphabet.h"
#include "worker/tokenizer/normalizer.h"

namespace lacuna {
namespace {

constexpr int kMaxSequenceDepth = 8;
constexpr std::size_t kMaxSteps = 32;
constexpr std::size_t kMaxStringBytes = 64;
constexpr std::string_view kReplacementText = "\xEF\xBF\xBD";

std::string read_short_text(const Component& field) {
  if (field.text().empty() || field.text().size() > kMaxStringBytes) {
    field.refuse(fmt::format("the string should have 1 to {} bytes", kMaxStringBytes));
  }
  return field.text();
}

// The byte of "<0x41>". The reference parses the two characters as Rust's from_str_radix does, which takes
// either case and a plus sign.
std::optional<char> read_byte_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  const auto digit = [](char byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
  };
  const int high = token[3] == '+' ? 0 : digit(token[3]);
  const int low = digit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

std::vector<std::string> fall_back_from_bytes(const std::vector<std::string>& tokens) {
  std::vector<std::string> decoded;
  std::string run;  // the bytes of consecutive byte tokens
  const auto flush = [&] {
    if (run.empty()) return;
    if (utf8::is_well_formed(run)) {
      decoded.push_back(run);
    } else {
      // Not one per ill-formed part: every byte of the run, valid parts included.
      for (std::size_t i = 0; i < run.size(); ++i) decoded.emplace_back(kReplacementText);
    }
    run.clear();
  };
  for (const std::string& token : tokens) {
    if (const auto byte = read_byte_token(token)) {
      run.push_back(*byte);
    } else {
      flush();
      decoded.push_back(token);
    }
  }
  flush();
  return decoded;
}

std::string join(const std::vector<std::string>& tokens, std::string_view separator) {
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) text += separator;
    text += tokens[i];
  }
  return text;
}

std::string strip(const std::string& token, std::string_view character, std::size_t start, std::size_t stop) {
  std::string_view rest = token;
  for (; start > 0 && rest.starts_with(character); --start) rest.remove_prefix(character.size());
  for (; stop > 0 && rest.ends_with(character); --stop) rest.remove_suffix(character.size());
  return std::string(rest);
}

}  // namespace

Decoder::Decoder(const Component& component) : is_null_(component.is_null()) {
  TextGrowth growth;
  if (!is_null_) add(component, 0, growth);
}

void Decoder::add(const Component& component, int depth, TextGrowth& growth) {
  if (steps_.size() >= kMaxSteps) component.refuse("there are too many decoders");
  const std::string type = component.type();
  if (type == "Sequence") {
    component.allow_only({"type", "decoders"});
    if (depth >= kMaxSequenceDepth) component.refuse("sequences are nested too deeply");
    for (const Component& part : component.field("decoders").elements(kMaxSteps)) {
      add(part, depth + 1, growth);
    }
  } else if (type == "ByteLevel") {
    component.allow_only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    growth.multiply(2, component);  // a letter of two bytes is one byte, or U+FFFD
    steps_.push_back({Kind::kByteLevel});
  } else if (type == "Metaspace") {
    add_metaspace(component);
  } else if (type == "Replace") {
    component.allow_only({"type", "pattern", "content"});
    component.field("pattern").allow_only({"String"});
    Step step{Kind::kReplace};
    step.pattern = read_short_text(component.field("pattern").field("String"));
    step.replacement = component.field("content").text();
    if (step.replacement.size() > kMaxStringBytes) component.refuse("the replacement is too long");
    growth.multiply_by_replacement(step.pattern.size(), step.replacement.size(), component);
    steps_.push_back(std::move(step));
  } else if (type == "ByteFallback") {
    component.allow_only({"type"});
    steps_.push_back({Kind::kByteFallback});
  } else if (type == "Fuse") {
    component.allow_only({"type"});
    steps_.push_back({Kind::kFuse});
  } else if (type == "Strip") {
    component.allow_only({"type", "content", "start", "stop"});
    Step step{Kind::kStrip};
    step.pattern = read_short_text(component.field("content"));
    if (utf8::count(step.pattern) != 1) component.refuse("`content` should be one character");
    step.start = component.field("start").whole_number(std::numeric_limits<std::uint32_t>::max());
    step.stop = component.field("stop").whole_number(std::numeric_limits<std::uint32_t>::max());
    steps_.push_back(std::move(step));
  } else {
    component.refuse(fmt::format("the decoder `{}` is not supported", type));
  }
}

void Decoder::add_metaspace(const Component& component) {
  component.allow_only({"type", "replacement", "str_rep", "prepend_scheme", "add_prefix_space", "split"});
  Step step{Kind::kMetaspace};
  step.pattern = read_short_text(component.field("replacement"));
  step.drops_prefix = component.boolean_or("add_prefix_space", true);
  if (const auto scheme = component.find("prepend_scheme")) step.drops_prefix = scheme->text() != "never";
  steps_.push_back(std::move(step));
}

void Decoder::run(const Step& step, std::vector<std::string>& tokens) {
  switch (step.kind) {
    case Kind::kByteLevel: {
      std::string bytes;
      for (const std::string& token : tokens) bytes += byte_alphabet::read(token).value_or(token);
      tokens = {utf8::repair(bytes)};
      break;
    }
    case Kind::kMetaspace:
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        tokens[i] = replace_all(tokens[i], step.pattern, i == 0 && step.drops_prefix ? "" : " ");
      }
      break;
    case Kind::kReplace:
      for (std::string& token : tokens) token = replace_all(token, step.pattern, step.replacement);
      break;
    case Kind::kByteFallback:
      tokens = fall_back_from_bytes(tokens);
      break;
    case Kind::kFuse:
      tokens = {join(tokens, "")};
      break;
    case Kind::kStrip:
      for (std::string& token : tokens) token = strip(token, step.pattern, step.start, step.stop);
      break;
  }
}

std::string Decoder::decode(std::vector<std::string> tokens) const {
  for (const Step& step : steps_) run(step, tokens);
  return join(tokens, is_null_ ? " " : "");
}

}  // namespace lacuna
