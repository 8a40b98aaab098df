#include "compute/image/preprocess.h"

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using testing::FloatNear;
using testing::Pointwise;

std::vector<float> Preprocessed(const Pixels& pixels, int width, int height,
                                Normalization normalization) {
  Preprocessing preprocessing;
  preprocessing.width = width;
  preprocessing.height = height;
  preprocessing.normalization = normalization;
  std::vector<float> planes(3 * width * height);
  Preprocess(pixels, preprocessing, planes.data());
  return planes;
}

// Worked out by hand for a pixel (200, 120, 90) and one (0, 255, 51), to six
// digits; planes one after the other. float rounds inputs of 255 and constants
// of 124 by less than 2e-5.
TEST(PreprocessTest, GivesTheNumbersOfEachNormalization) {
  const Pixels pixels{2, 1, {200, 120, 90, 0, 255, 51}};
  // (200/255 - 0.485) / 0.229 = 1.307048; (0 - 0.485) / 0.229 = -2.117904; ...
  EXPECT_THAT(Preprocessed(pixels, 2, 1, Normalization::kTorchvision),
              Pointwise(FloatNear(1e-5f),
                        std::vector<float>{1.307047f, -2.117904f,      // R
                                           0.065126f, 2.428571f,       // G
                                           -0.235817f, -0.915556f}));  // B
  EXPECT_THAT(
      Preprocessed(pixels, 2, 1, Normalization::kCaffe),
      Pointwise(FloatNear(2e-5f), std::vector<float>{-13.939f, -52.939f,   // B
                                                     3.221f, 138.221f,     // G
                                                     76.32f, -123.68f}));  // R
  EXPECT_THAT(
      Preprocessed(pixels, 2, 1, Normalization::kTf),
      Pointwise(FloatNear(1e-5f), std::vector<float>{0.568627f, -1.0f,      // R
                                                     -0.058824f, 1.0f,      // G
                                                     -0.294118f, -0.6f}));  // B
}

// Two pixels shrunk to one: the triangle reaches both alike, so their mean.
TEST(PreprocessTest, ResizesFirst) {
  const Pixels pixels{1, 2, {100, 0, 10, 200, 0, 30}};
  EXPECT_THAT(
      Preprocessed(pixels, 1, 1, Normalization::kCaffe),
      Pointwise(FloatNear(2e-5f),
                std::vector<float>{20 - 103.939f, -116.779f, 150 - 123.68f}));
}

TEST(PreprocessTest, LaysPlanesOutChannelRowColumn) {
  // 2x2, red counts 0, 51, 102, 153.
  const Pixels pixels{2, 2, {0, 0, 0, 51, 0, 0, 102, 0, 0, 153, 0, 0}};
  EXPECT_THAT(
      Preprocessed(pixels, 2, 2, Normalization::kTf),
      Pointwise(FloatNear(1e-5f), std::vector<float>{-1, -0.6f, -0.2f, 0.2f,  //
                                                     -1, -1, -1, -1,          //
                                                     -1, -1, -1, -1}));
}

TEST(NormalizationTest, NamesAreReadBack) {
  for (Normalization normalization :
       {Normalization::kTorchvision, Normalization::kCaffe,
        Normalization::kTf}) {
    const absl::StatusOr<Normalization> read =
        ParseNormalization(NormalizationName(normalization));
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(*read, normalization);
  }
}

TEST(NormalizationTest, AnUnknownNameIsRefusedWithTheKnownOnes) {
  const absl::Status status = ParseNormalization("Torchvision").status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "\"Torchvision\" is not known; take torchvision, "
                       "caffe or tf"));
  EXPECT_EQ(ReasonOf(status), "NORMALIZATION_UNKNOWN");
}

}  // namespace
}  // namespace nevus
