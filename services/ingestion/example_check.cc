#include "services/ingestion/example_check.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/rpc/channel.h"
#include "base/status.h"
#include "compute/image/decode.h"
#include "compute/image/strip.h"

namespace nevus {
namespace {

constexpr size_t kMaxLabelBytes = 100;
constexpr size_t kMaxGroupBytes = 200;
constexpr int kMaxAttributes = 64;
constexpr size_t kMaxAttributeBytes = 1024;
constexpr int64_t kMaxImageBytes = 64 << 20;
// A stored image leaves in one message, beside its digest (ReadImages).
constexpr size_t kMaxStoredBytes = kMaxMessageBytes - (64 << 10);

absl::Status Bad(const std::string& reason, const std::string& message) {
  return WithReason(absl::InvalidArgumentError(message), reason);
}

bool HasControlCharacter(const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return true;
  }
  return false;
}

// That texts are UTF-8 was checked by the parser of the message (proto3).
absl::Status CheckTexts(const v1::Example& example) {
  RETURN_IF_ERROR(CheckExampleId(example.id()));
  if (example.label().empty() || example.label().size() > kMaxLabelBytes ||
      HasControlCharacter(example.label())) {
    return Bad(
        "LABEL_INVALID",
        absl::StrCat("the label of ", example.label().size(),
                     " bytes cannot be used; a label is 1 to ", kMaxLabelBytes,
                     " bytes without control characters, such as "
                     "melanoma"));
  }
  if (example.group().size() > kMaxGroupBytes) {
    return Bad("GROUP_INVALID",
               absl::StrCat("the group is ", example.group().size(),
                            " bytes long; the most is ", kMaxGroupBytes,
                            ". Shorten it"));
  }
  return absl::OkStatus();
}

absl::Status CheckAttributes(const v1::Example& example) {
  if (example.attributes_size() > kMaxAttributes) {
    return Bad("ATTRIBUTES_INVALID",
               absl::StrCat(example.attributes_size(),
                            " attributes are too many; the most is ",
                            kMaxAttributes, ". Leave some columns out"));
  }
  for (const auto& [name, value] : example.attributes()) {
    if (name.size() + value.size() > kMaxAttributeBytes) {
      return Bad("ATTRIBUTES_INVALID",
                 absl::StrCat("an attribute is ", name.size() + value.size(),
                              " bytes long with its name; the most is ",
                              kMaxAttributeBytes, ". Shorten it"));
    }
  }
  return absl::OkStatus();
}

absl::Status TooLarge(int64_t bytes, int64_t limit) {
  return Bad("IMAGE_TOO_LARGE",
             absl::StrCat("the image is ", bytes, " bytes long; the most is ",
                          limit, ". Scale it down"));
}

}  // namespace

absl::Status CheckUpload(const v1::ExampleUpload& upload) {
  RETURN_IF_ERROR(CheckTexts(upload.example()));
  RETURN_IF_ERROR(CheckAttributes(upload.example()));
  if (!v1::Split_IsValid(upload.example().split())) {
    return Bad("SPLIT_UNKNOWN",
               absl::StrCat("split number ", upload.example().split(),
                            " is not known; give train, validation, test or "
                            "none"));
  }
  if (upload.image_bytes() <= 0) {
    return Bad(
        "IMAGE_EMPTY",
        absl::StrCat("the image is declared to be ", upload.image_bytes(),
                     " bytes long; send one that is not empty"));
  }
  if (upload.image_bytes() > kMaxImageBytes) {
    return TooLarge(upload.image_bytes(), kMaxImageBytes);
  }
  if (!IsSha256Hex(upload.sha256())) {
    return Bad("SHA256_INVALID",
               "sha256 is no digest; give the SHA-256 of the image's bytes as "
               "64 lower-case hex digits");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> CheckImage(const v1::ExampleUpload& upload,
                                       const std::string& bytes) {
  if (static_cast<int64_t>(bytes.size()) != upload.image_bytes()) {
    return Bad("IMAGE_SIZE_MISMATCH",
               absl::StrCat(upload.image_bytes(), " bytes were declared and ",
                            bytes.size(), " came; send the file again"));
  }
  if (Sha256Hex(bytes) != upload.sha256()) {
    return Bad("SHA256_MISMATCH",
               "the bytes that came do not have the declared SHA-256; they "
               "were damaged on the way, so send the file again");
  }
  ASSIGN_OR_RETURN(std::string stored, StripMetadata(bytes));
  if (stored.size() > kMaxStoredBytes) {
    return TooLarge(stored.size(), kMaxStoredBytes);
  }
  RETURN_IF_ERROR(DecodeImage(stored).status());
  return stored;
}

}  // namespace nevus
