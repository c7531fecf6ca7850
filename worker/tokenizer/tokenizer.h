// Text to token ids and back, exactly as Hugging Face's `tokenizers` does it.
//
// Driven by tokenizer.json as data (added tokens, normalizer, pre-tokenizer, BPE model, post-processor,
// decoder), never by the name of a model family. A component that is not implemented is refused by name when
// the file is read, so a loaded tokenizer is an exact one.
//
// Thread safety: all const methods may be called from any number of threads at once.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"

namespace lacuna {

class Tokenizer {
 public:
  // Reads `model_dir`/tokenizer.json and, if there is one, `model_dir`/tokenizer_config.json (only for
  // `cleans_up_spaces`). Throws InputError that names the file and the offending component.
  static Tokenizer load(const std::filesystem::path& model_dir);

  // The same from the text of a tokenizer.json; `origin` is the file that errors name.
  static Tokenizer parse(std::string_view tokenizer_json,
                         const std::filesystem::path& origin = "tokenizer.json");

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // The ids of `text`. Bytes that are not UTF-8 are first replaced as Python's errors="replace" does (one
  // U+FFFD per maximal ill-formed part). Added tokens are found in the text wherever they stand, special ones
  // too. `add_special_tokens` runs the post-processor (for example puts the begin token in front).
  // Throws InputError if the split pattern needs more steps than its limit on this text.
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text, bool add_special_tokens) const;

  // The text of `ids`, always valid UTF-8 (ill-formed parts become U+FFFD). Ids that the tokenizer does not
  // know are dropped; `skip_special_tokens` also drops the added tokens marked special. No clean-up of
  // spaces.
  [[nodiscard]] std::string decode(std::span<const TokenId> ids, bool skip_special_tokens) const;

  // Whether tokenizer_config.json sets clean_up_tokenization_spaces: then `decode` of transformers also
  // applies `clean_up_spaces` by default.
  [[nodiscard]] bool cleans_up_spaces() const;

  // The clean-up of transformers' clean_up_tokenization_spaces: drops the space in " .", " ?", " !", " ,",
  // " ' ", " n't", " 'm", " 's", " 've", " 're".
  [[nodiscard]] static std::string clean_up_spaces(std::string text);

  // The id of a token as tokenizer.json writes it (for example "<|eot_id|>" or "\u0120the" for " the").
  [[nodiscard]] std::optional<TokenId> find_token(std::string_view token) const;

  // The token as tokenizer.json writes it; nothing for an id that is not in use.
  [[nodiscard]] std::optional<std::string> find_text(TokenId id) const;

  // Whether `id` is an added token marked special.
  [[nodiscard]] bool is_special(TokenId id) const;

  // One more than the largest id in use, added tokens included: the least number of rows that an embedding
  // needs. Checkpoints often have more.
  [[nodiscard]] std::size_t vocabulary_size() const;

  // The words that the model would see for `text` if it held no added tokens (after the normalizer), as text
  // before any byte-level spelling. For tests and for looking at a tokenizer.
  [[nodiscard]] std::vector<std::string> split_words(std::string_view text) const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lacuna
