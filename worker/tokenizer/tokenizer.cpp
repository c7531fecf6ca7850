#include "worker/tokenizer/tokenizer.h"

#include <fmt/format.h>

#include <array>
#include <mutex>
#include <utility>

#include "core/bounded_json.h"
#include "core/error.h"
#include "core/utf8.h"
#include "worker/tokenizer/added_tokens.h"
#include "worker/tokenizer/bpe_model.h"
#include "worker/tokenizer/component.h"
#include "worker/tokenizer/decoder.h"
#include "worker/tokenizer/normalizer.h"
#include "worker/tokenizer/post_processor.h"
#include "worker/tokenizer/pre_tokenizer.h"
#include "worker/tokenizer/tokenizer_file.h"

namespace lacuna {
namespace {

// What one `encode` call works with.
struct Scratch {
  PreTokenizerScratch pre_tokenizer;
  BpeScratch bpe;
  std::vector<TableId> ids;
};

// Scratches that no call uses at the moment; a call takes one and gives it back, so threads never share one
// and each keeps a warm word cache.
class ScratchPool {
 public:
  std::unique_ptr<Scratch> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Scratch>();
    auto scratch = std::move(idle_.back());
    idle_.pop_back();
    return scratch;
  }
  void give_back(std::unique_ptr<Scratch> scratch) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(scratch));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> idle_;
};

TokenId to_token_id(TableId id) {
  return TokenId(static_cast<TokenId::rep>(id));
}

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(const Component& root)
      : normalizer(root.value().contains("normalizer") ? Normalizer(root.field("normalizer")) : Normalizer()),
        pre_tokenizer(root.field("pre_tokenizer")),
        model(root.field("model"), pre_tokenizer.alphabet()),
        added_tokens(root.field("added_tokens"), model.vocabulary(), normalizer),
        post_processor(root.field("post_processor")),
        decoder(root.field("decoder")) {
    for (const std::vector<TableId>* const ids : {&post_processor.prefix(), &post_processor.suffix()}) {
      for (const TableId id : *ids) {
        if (!find_text(id)) root.field("post_processor").refuse(fmt::format("the id {} is not a token", id));
      }
    }
  }

  // The words of a stretch of text without raw added tokens.
  void encode_gap(std::string_view gap, bool at_start, Scratch& scratch) const;

  [[nodiscard]] std::optional<std::string_view> find_text(TableId id) const {
    if (const std::string* text = added_tokens.find_text(id)) return *text;
    return model.vocabulary().find_text(id);
  }

  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  BpeModel model;
  AddedTokens added_tokens;
  PostProcessor post_processor;
  Decoder decoder;
  bool cleans_up_spaces = false;
  mutable ScratchPool scratches;
};

void Tokenizer::Impl::encode_gap(std::string_view gap, bool at_start, Scratch& scratch) const {
  const auto normalized = normalizer.apply(gap);
  const std::string_view text = normalized ? std::string_view(*normalized) : gap;
  const auto encode_word = [&](std::string_view word) { model.encode(word, scratch.bpe, scratch.ids); };
  added_tokens.split(text, true, [&](std::string_view piece, std::optional<TableId> id) {
    if (id) {
      scratch.ids.push_back(*id);
    } else {
      const bool piece_at_start = at_start && piece.data() == text.data();
      pre_tokenizer.split(piece, piece_at_start, scratch.pre_tokenizer, encode_word);
    }
  });
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::filesystem::path& model_dir) {
  const auto file = model_dir / "tokenizer.json";
  Tokenizer tokenizer = parse(read_whole_file(file, kTokenizerFile), file);
  const auto config_file = model_dir / "tokenizer_config.json";
  if (std::filesystem::exists(config_file)) {
    const auto config = parse_json(read_whole_file(config_file, kTokenizerFile), config_file);
    const auto clean_up = config.is_object() ? config.find("clean_up_tokenization_spaces") : config.end();
    tokenizer.impl_->cleans_up_spaces =
        clean_up != config.end() && clean_up->is_boolean() && clean_up->get<bool>();
  }
  return tokenizer;
}

Tokenizer Tokenizer::parse(std::string_view tokenizer_json, const std::filesystem::path& origin) {
  auto json = parse_json(tokenizer_json, origin);
  const Component file(json, "", origin);
  if (!json.is_object()) Component(json, "tokenizer", origin).refuse("the file should hold a JSON object");
  for (const char* const optional : {"truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                                     "post_processor", "decoder"}) {
    if (!json.contains(optional)) json[optional] = nullptr;
  }
  for (const char* const unsupported : {"truncation", "padding"}) {
    if (const auto setting = file.find(unsupported)) setting->refuse("it is not supported; set it to null");
  }
  file.allow_only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                   "post_processor", "decoder", "model"});
  return Tokenizer(std::make_unique<Impl>(file));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  std::string repaired;
  if (!utf8::is_well_formed(text)) {
    repaired = utf8::repair(text);
    text = repaired;
  }
  auto scratch = impl_->scratches.take();
  scratch->ids.clear();
  impl_->added_tokens.split(text, false, [&](std::string_view piece, std::optional<TableId> id) {
    if (id) {
      scratch->ids.push_back(*id);
    } else {
      impl_->encode_gap(piece, piece.data() == text.data(), *scratch);
    }
  });
  std::vector<TokenId> ids;
  const auto append = [&ids](const std::vector<TableId>& more) {
    for (const TableId id : more) ids.push_back(to_token_id(id));
  };
  ids.reserve(scratch->ids.size() + impl_->post_processor.prefix().size() +
              impl_->post_processor.suffix().size());
  if (add_special_tokens) append(impl_->post_processor.prefix());
  append(scratch->ids);
  if (add_special_tokens) append(impl_->post_processor.suffix());
  impl_->scratches.give_back(std::move(scratch));
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const TokenId id : ids) {
    if (id.value() < 0) continue;
    const auto table_id = static_cast<TableId>(id.value());
    if (skip_special_tokens && impl_->added_tokens.is_special(table_id)) continue;
    if (const auto text = impl_->find_text(table_id)) tokens.emplace_back(*text);
  }
  return impl_->decoder.decode(std::move(tokens));
}

bool Tokenizer::cleans_up_spaces() const {
  return impl_->cleans_up_spaces;
}

std::string Tokenizer::clean_up_spaces(std::string text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kReplacements = {{{" .", "."},
                                                                                            {" ?", "?"},
                                                                                            {" !", "!"},
                                                                                            {" ,", ","},
                                                                                            {" ' ", "'"},
                                                                                            {" n't", "n't"},
                                                                                            {" 'm", "'m"},
                                                                                            {" 's", "'s"},
                                                                                            {" 've", "'ve"},
                                                                                            {" 're", "'re"}}};
  for (const auto& [pattern, replacement] : kReplacements) text = replace_all(text, pattern, replacement);
  return text;
}

std::optional<TokenId> Tokenizer::find_token(std::string_view token) const {
  auto id = impl_->added_tokens.find(token);
  if (!id) id = impl_->model.vocabulary().find(token);
  if (!id) return std::nullopt;
  return to_token_id(*id);
}

std::optional<std::string> Tokenizer::find_text(TokenId id) const {
  if (id.value() < 0) return std::nullopt;
  const auto text = impl_->find_text(static_cast<TableId>(id.value()));
  if (!text) return std::nullopt;
  return std::string(*text);
}

bool Tokenizer::is_special(TokenId id) const {
  return id.value() >= 0 && impl_->added_tokens.is_special(static_cast<TableId>(id.value()));
}

std::size_t Tokenizer::vocabulary_size() const {
  return std::max(impl_->model.vocabulary().id_limit(), impl_->added_tokens.id_limit());
}

std::vector<std::string> Tokenizer::split_words(std::string_view text) const {
  const std::string repaired = utf8::repair(text);
  const std::string normalized = impl_->normalizer.apply(repaired).value_or(repaired);
  std::vector<std::string> words;
  auto scratch = impl_->scratches.take();
  impl_->pre_tokenizer.split(normalized, true, scratch->pre_tokenizer,
                             [&words](std::string_view word) { words.emplace_back(word); });
  impl_->scratches.give_back(std::move(scratch));
  return words;
}

}  // namespace lacuna
