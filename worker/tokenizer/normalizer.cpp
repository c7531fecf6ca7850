#include "worker/tokenizer/normalizer.h"

#include <fmt/format.h>

#include "worker/tokenizer/nfc.h"

namespace lacuna {
namespace {

constexpr int kMaxSequenceDepth = 8;
constexpr std::size_t kMaxSequence = 32;
constexpr std::size_t kMaxReplacementBytes = 64;
constexpr std::size_t kNfcGrowth = 3;  // Unicode FAQ "Normalization": bytes of UTF-8 at most

}  // namespace

std::string replace_all(std::string_view text, std::string_view pattern, std::string_view replacement) {
  std::string replaced;
  replaced.reserve(text.size());
  std::size_t from = 0;
  for (std::size_t hit = text.find(pattern); hit != std::string_view::npos; hit = text.find(pattern, from)) {
    replaced.append(text.substr(from, hit - from)).append(replacement);
    from = hit + pattern.size();
  }
  return replaced.append(text.substr(from));
}

Normalizer::Normalizer(const Component& component) {
  TextGrowth growth;
  if (!component.is_null()) add(component, 0, growth);
}

void Normalizer::add(const Component& component, int depth, TextGrowth& growth) {
  const std::string type = component.type();
  const auto bounded_text = [](const Component& field) {
    if (field.text().size() > kMaxReplacementBytes) field.refuse("the string is too long");
    return field.text();
  };
  if (type == "Sequence") {
    component.allow_only({"type", "normalizers"});
    if (depth >= kMaxSequenceDepth) component.refuse("sequences are nested too deeply");
    for (const Component& part : component.field("normalizers").elements(kMaxSequence)) {
      add(part, depth + 1, growth);
    }
  } else if (type == "NFC") {
    component.allow_only({"type"});
    growth.multiply(kNfcGrowth, component);
    steps_.push_back({Kind::kNfc, {}, {}});
  } else if (type == "Prepend") {
    component.allow_only({"type", "prepend"});
    steps_.push_back({Kind::kPrepend, {}, bounded_text(component.field("prepend"))});
    growth.multiply(1 + steps_.back().replacement.size(), component);  // a text may be one byte long
  } else if (type == "Replace") {
    component.allow_only({"type", "pattern", "content"});
    const Component pattern = component.field("pattern");
    pattern.allow_only({"String"});
    const std::string text = bounded_text(pattern.field("String"));
    if (text.empty()) pattern.refuse("the string is empty");
    steps_.push_back({Kind::kReplace, text, bounded_text(component.field("content"))});
    growth.multiply_by_replacement(text.size(), steps_.back().replacement.size(), component);
  } else {
    component.refuse(fmt::format("the normalizer `{}` is not supported", type));
  }
  if (steps_.size() > kMaxSequence) component.refuse("there are too many normalizers");
}

std::optional<std::string> Normalizer::apply(std::string_view text) const {
  std::optional<std::string> changed;
  for (const Step& step : steps_) {
    const std::string_view current = changed ? std::string_view(*changed) : text;
    if (current.empty()) return changed;
    switch (step.kind) {
      case Kind::kNfc:
        if (!is_trivially_nfc(current)) changed = normalize_nfc(current);
        break;
      case Kind::kPrepend:
        changed = std::string(step.replacement).append(current);
        break;
      case Kind::kReplace:
        changed = replace_all(current, step.pattern, step.replacement);
        break;
    }
  }
  return changed;
}

}  // namespace lacuna
