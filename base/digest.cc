#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstdlib>
#include <vector>

namespace nevus {
namespace {

std::string Hex(const unsigned char* bytes, size_t count) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex(2 * count, '0');
  for (size_t i = 0; i < count; ++i) {
    hex[2 * i] = kDigits[bytes[i] >> 4];
    hex[2 * i + 1] = kDigits[bytes[i] & 15];
  }
  return hex;
}

}  // namespace

std::string Sha256Hex(std::string_view bytes) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         hash);
  return Hex(hash, sizeof(hash));
}

std::string Md5Hex(std::string_view bytes) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), hash, &size, EVP_md5(), nullptr);
  return Hex(hash, size);
}

bool IsSha256Hex(std::string_view text) {
  return text.size() == 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

struct Sha256::Rep {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Rep() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : rep_(std::make_unique<Rep>()) {
  EVP_DigestInit_ex(rep_->context, EVP_sha256(), nullptr);
}

Sha256::~Sha256() = default;

void Sha256::Update(std::string_view bytes) {
  EVP_DigestUpdate(rep_->context, bytes.data(), bytes.size());
}

void Sha256::UpdateField(std::string_view bytes) {
  unsigned char length[8];
  for (int i = 0; i < 8; ++i) {
    length[i] = static_cast<unsigned char>(uint64_t{bytes.size()} >> (8 * i));
  }
  EVP_DigestUpdate(rep_->context, length, sizeof(length));
  Update(bytes);
}

std::string Sha256::Hex() {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  EVP_DigestFinal_ex(rep_->context, hash, nullptr);
  return nevus::Hex(hash, sizeof(hash));
}

uint64_t Checksum64(std::string_view bytes) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         hash);
  uint64_t sum = 0;
  for (int i = 7; i >= 0; --i) sum = sum << 8 | hash[i];
  return sum;
}

std::string RandomHex(size_t count) {
  std::vector<unsigned char> bytes(count);
  // Without randomness ids would collide: nothing sensible can follow.
  if (RAND_bytes(bytes.data(), static_cast<int>(count)) != 1) std::abort();
  return Hex(bytes.data(), count);
}

}  // namespace nevus
