#include "services/extraction/calibration_sample.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::Example Row(const std::string& image, v1::Split split) {
  v1::Example example;
  example.set_image_digest(image);
  example.set_split(split);
  return example;
}

TEST(CalibrationSampleTest, TheFirstOfTrainByDigestEachOnce) {
  EXPECT_THAT(
      SampleForCalibration(
          {Row("d", v1::TRAIN), Row("a", v1::VALIDATION), Row("c", v1::TRAIN),
           Row("c", v1::TRAIN), Row("e", v1::TRAIN), Row("b", v1::TEST)},
          2),
      ElementsAre("c", "d"));
}

TEST(CalibrationSampleTest, WithoutTrainAllButTest) {
  EXPECT_THAT(SampleForCalibration(
                  {Row("b", v1::VALIDATION), Row("a", v1::SPLIT_UNSPECIFIED),
                   Row("c", v1::TEST)},
                  5),
              ElementsAre("a", "b"));
}

TEST(CalibrationSampleTest, TheTestSplitStaysClosed) {
  EXPECT_THAT(SampleForCalibration({Row("a", v1::TEST)}, 5), IsEmpty());
  EXPECT_THAT(
      SampleForCalibration({Row("a", v1::TEST), Row("a", v1::TRAIN)}, 5),
      IsEmpty());
}

}  // namespace
}  // namespace nevus
