#include "storage/model/model_digest.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"

namespace nevus {
namespace {

// The low `bytes` bytes of `bits`, little-endian.
void Append(uint64_t bits, int bytes, std::string& to) {
  for (int i = 0; i < bytes; ++i) to += static_cast<char>(bits >> (8 * i));
}

template <typename Values>
std::string FloatBits(const Values& values) {
  std::string text;
  text.reserve(4 * static_cast<size_t>(values.size()));
  for (const float value : values) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    Append(bits, 4, text);
  }
  return text;
}

template <typename Values>
std::string DoubleBits(const Values& values) {
  std::string text;
  for (const double value : values) {
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    Append(bits, 8, text);
  }
  return text;
}

std::string DoubleBits(double value) {
  return DoubleBits(std::vector<double>{value});
}

}  // namespace

std::string ModelDigest(const v1::Model& model) {
  Sha256 hash;
  hash.UpdateField("nevus model 1");
  // The space's digest stands for all of its fields.
  hash.UpdateField(model.space().digest());
  hash.UpdateField(model.positive());
  const v1::Head& head = model.head();
  hash.UpdateField(absl::StrCat(head.inputs()));
  hash.UpdateField(absl::StrCat(head.hidden()));
  hash.UpdateField(FloatBits(head.mean()));
  hash.UpdateField(FloatBits(head.inverse_std()));
  hash.UpdateField(FloatBits(head.w1()));
  hash.UpdateField(FloatBits(head.b1()));
  hash.UpdateField(FloatBits(head.w2()));
  hash.UpdateField(FloatBits(std::vector<float>{head.b2()}));
  for (const v1::OperatingPoint& point : model.operating_points()) {
    hash.UpdateField(point.name());
    hash.UpdateField(DoubleBits(point.threshold()));
  }
  // A model without them keeps the digest it had before there were any. No
  // operating point has such a name.
  if (model.has_calibration()) {
    const v1::Calibration& calibration = model.calibration();
    hash.UpdateField("calibration:");
    hash.UpdateField(calibration.method());
    hash.UpdateField(DoubleBits(calibration.slope()));
    hash.UpdateField(DoubleBits(calibration.intercept()));
    hash.UpdateField(DoubleBits(calibration.knot_logits()));
    hash.UpdateField(DoubleBits(calibration.knot_probabilities()));
  }
  if (head.has_ood()) {
    hash.UpdateField("ood:");
    hash.UpdateField(FloatBits(head.ood().mean()));
    hash.UpdateField(FloatBits(head.ood().whitening()));
    hash.UpdateField(DoubleBits(head.ood().threshold()));
  }
  return hash.Hex();
}

}  // namespace nevus
