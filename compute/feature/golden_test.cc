#include "compute/feature/golden.h"

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/backbone.h"
#include "compute/backbone/testing/random_vgg16.h"
#include "compute/classifier/head.h"
#include "compute/feature/feature_extractor.h"
#include "compute/feature/feature_space.h"
#include "compute/image/decode.h"
#include "compute/image/golden_images.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

std::unique_ptr<FeatureExtractor> Vgg16(uint64_t seed) {
  const auto backbone = RandomVgg16(32, seed);
  const auto spec =
      ResolveFeatureSpace(backbone->info(), "", "", "fp32").value();
  return FeatureExtractor::Create(*backbone, spec, {}).value();
}

Head SomeHead() {
  Head head;
  head.inputs = 512;
  head.mean.assign(512, 0);
  head.inverse_std.assign(512, 1);
  head.w2.assign(512, 0.01f);
  return head;
}

absl::Status Check(const Golden& golden, FeatureExtractor& extractor) {
  const std::vector<float> feature =
      extractor.Extract({golden.image})[0].value();
  return CheckGolden(golden, Arithmetic::kFp32, feature,
                     Logit(SomeHead(), feature.data()));
}

TEST(GoldenImagesTest, AreAJpegAndAPngThatDecode) {
  const std::vector<std::string> images = GoldenImages();
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].substr(0, 2), "\xff\xd8");
  EXPECT_EQ(images[1].substr(1, 3), "PNG");
  size_t bytes = 0;
  for (const std::string& image : images) {
    const auto pixels = DecodeImage(image, DecodeLimits());
    ASSERT_THAT(pixels, IsOk());
    EXPECT_EQ(pixels->width % 2, 1);
    bytes += image.size();
  }
  EXPECT_LT(bytes, 8192u);
}

TEST(GoldenTest, TheSameNetworkGivesItsGoldenAnswers) {
  const auto extractor = Vgg16(1);
  const auto golden = MakeGolden(*extractor, SomeHead());
  ASSERT_THAT(golden, IsOk());
  ASSERT_EQ(golden->size(), 2u);
  for (const Golden& one : *golden) EXPECT_THAT(Check(one, *Vgg16(1)), IsOk());
}

TEST(GoldenTest, OtherWeightsDoNot) {
  const auto extractor = Vgg16(1);
  const auto golden = MakeGolden(*extractor, SomeHead()).value();
  const absl::Status status = Check(golden[0], *Vgg16(2));
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kFailedPrecondition, "of its length"));
  EXPECT_EQ(ReasonOf(status), "GOLDEN_MISMATCH");
}

TEST(GoldenTest, WhatCountsAsTheSame) {
  const Golden golden = {"", {3, 4}, 2};
  const auto check = [&](std::vector<float> feature, double logit,
                         Arithmetic arithmetic = Arithmetic::kFp32) {
    return CheckGolden(golden, arithmetic, feature, logit);
  };
  EXPECT_THAT(check({3, 4}, 2), IsOk());
  EXPECT_THAT(check({3.009f, 4}, 2), IsOk());
  EXPECT_EQ(ReasonOf(check({3.011f, 4}, 2)), "GOLDEN_MISMATCH");
  EXPECT_THAT(check({3.2f, 4}, 2, Arithmetic::kBf16), IsOk());
  EXPECT_EQ(ReasonOf(check({3.3f, 4}, 2, Arithmetic::kBf16)),
            "GOLDEN_MISMATCH");
  EXPECT_EQ(ReasonOf(check({3, 4}, 2.1)), "GOLDEN_MISMATCH");
  EXPECT_EQ(ReasonOf(check({3, 4, 0}, 2)), "GOLDEN_MISMATCH");
  EXPECT_EQ(ReasonOf(check({std::numeric_limits<float>::quiet_NaN(), 4}, 2)),
            "GOLDEN_MISMATCH");
}

}  // namespace
}  // namespace nevus
