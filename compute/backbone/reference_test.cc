// Every network against other programs' features for the same weights and
// image: torchvision's, and for Keras's networks torchvision's changed to
// Keras's or written out (testing/reference/make_features.py).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compute/backbone/architecture.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/calibration.h"
#include "compute/backbone/folding.h"
#include "compute/backbone/onednn_network.h"
#include "compute/backbone/random_weights.h"
#include "compute/backbone/testing/weight_files.h"
#include "compute/torch/eager_network.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

struct Case {
  const char* arch;
  Family family;
  int input_size;
  // The averages of each channel at these, and all of the last one's values.
  std::vector<std::string> cuts;
};

std::vector<Case> Cases() {
  const std::vector<std::string> resnet = {
      "pool1_pool", "conv2_block1_out", "conv3_block1_out", "conv4_block6_out",
      "conv5_block3_out"};
  const std::vector<std::string> inception = {
      "stem_pool2", "mixed0", "mixed3", "mixed7", "mixed8", "mixed10"};
  const std::vector<std::string> xception = {
      "block1_conv2_act", "block2_out",  "block3_out",          "block4_out",
      "block12_out",      "block13_out", "block14_sepconv2_act"};
  return {{"vgg16", Family::kTorchvision, 49, {"block2_pool", "block5_pool"}},
          {"resnet50", Family::kTorchvision, 97, resnet},
          {"resnet50", Family::kKeras, 97, resnet},
          {"inception_v3", Family::kTorchvision, 107, inception},
          {"inception_v3", Family::kKeras, 107, inception},
          {"xception", Family::kKeras, 75, xception},
          {"xception", Family::kKeras, 110, xception},
          {"squeezenet1_1",
           Family::kTorchvision,
           50,  // each of its pools has a row left over
           {"pool1", "fire3", "pool3", "pool5", "fire9"}}};
}

std::vector<double> Golden(const std::string& name) {
  const std::string bytes = ReadFileOrFail(
      absl::StrCat("compute/backbone/testdata/reference/", name, ".f32"));
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return {values.begin(), values.end()};
}

class ReferenceTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const Case& c = GetParam();
    const Architecture architecture = MakeArchitecture(c.arch, c.family);
    const Tensors tensors = RandomTensors(architecture, 42);
    weights_ =
        Fold(architecture, FindReach(architecture, tensors).value(), tensors)
            .value();
    layers_ = CutAtAll(architecture.layers, c.cuts);
    shapes_ = InferShapes(layers_, c.input_size).value();
    golden_ = Golden(
        absl::StrCat(FamilyName(c.family), "_", c.arch, "_", c.input_size));
  }

  // What the golden files hold, from an activation of each cut. Each cut is
  // compared by itself, as their scales differ.
  void ExpectGolden(const std::vector<std::vector<float>>& activations,
                    double tolerance) {
    const std::vector<std::string>& cuts = GetParam().cuts;
    ASSERT_EQ(activations.size(), cuts.size());
    size_t at = 0;
    for (size_t i = 0; i < cuts.size(); ++i) {
      std::vector<float> found = activations[i];
      if (i + 1 < cuts.size()) found = Averages(cuts[i], found);
      ASSERT_LE(at + found.size(), golden_.size());
      const std::vector<double> wanted(golden_.begin() + at,
                                       golden_.begin() + at + found.size());
      const double error = RelativeError(found, wanted);
      EXPECT_LT(error, tolerance) << cuts[i];
      RecordProperty(cuts[i], std::to_string(error));
      at += found.size();
    }
    EXPECT_EQ(at, golden_.size());
  }

  LayerShape ShapeOf(const std::string& layer) const {
    for (size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i].name == layer) return shapes_[i];
    }
    ADD_FAILURE() << layer;
    return {};
  }

  std::vector<float> Averages(const std::string& layer,
                              const std::vector<float>& activation) const {
    const LayerShape shape = ShapeOf(layer);
    const int area = shape.height * shape.width;
    std::vector<float> averages;
    for (int channel = 0; channel < shape.channels; ++channel) {
      const auto begin = activation.begin() + channel * area;
      averages.push_back(std::accumulate(begin, begin + area, 0.0) / area);
    }
    return averages;
  }

  // The largest magnitude in each layer's output.
  Calibration Largest(const std::vector<float>& planes) const {
    std::vector<std::string> names;
    for (const Layer& layer : layers_) names.push_back(layer.name);
    std::vector<std::vector<float>> activations;
    EXPECT_THAT(EagerNetwork::Create(layers_, weights_, names,
                                     GetParam().input_size, EagerOptions())
                    .value()
                    ->Forward(planes.data(), 1, &activations),
                IsOk());
    Calibration calibration;
    for (size_t i = 0; i < names.size(); ++i) {
      for (float value : activations[i]) {
        float& largest = calibration[names[i]];
        largest = std::max(largest, std::abs(value));
      }
    }
    return calibration;
  }

  // What extraction and serving run.
  void ExpectOnednnGivesGolden(Arithmetic arithmetic, double tolerance) {
    const absl::Status supported = CheckArithmeticSupported(arithmetic);
    if (!supported.ok()) GTEST_SKIP() << "skipped: " << supported.message();
    const Case& c = GetParam();
    const std::vector<float> planes = TestPlanes(1, c.input_size);
    const auto network =
        NewOnednnNetwork(layers_, c.cuts, weights_, arithmetic, Largest(planes),
                         c.input_size, /*threads=*/2);
    ASSERT_THAT(network, IsOk());
    std::vector<std::vector<float>> activations;
    size_t floats = 0;
    for (const std::string& cut : c.cuts) {
      const LayerShape shape = ShapeOf(cut);
      activations.emplace_back(size_t{1} * shape.channels * shape.height *
                               shape.width);
      floats += activations.back().size();
    }
    std::vector<float> joined(floats);
    ASSERT_THAT((*network)->Run(planes.data(), joined.data()), IsOk());
    auto from = joined.begin();
    for (std::vector<float>& activation : activations) {
      std::copy(from, from + activation.size(), activation.begin());
      from += activation.size();
    }
    ExpectGolden(activations, tolerance);
  }

  Layers layers_;
  NetworkWeights weights_;
  std::vector<LayerShape> shapes_;
  std::vector<double> golden_;
};

TEST_P(ReferenceTest, EagerLibTorchGivesTheSameFeatures) {
  const Case& c = GetParam();
  const auto network = EagerNetwork::Create(layers_, weights_, c.cuts,
                                            c.input_size, EagerOptions());
  ASSERT_THAT(network, IsOk());
  const std::vector<float> planes = TestPlanes(1, c.input_size);
  std::vector<std::vector<float>> activations;
  ASSERT_THAT((*network)->Forward(planes.data(), 1, &activations), IsOk());
  ExpectGolden(activations, 1e-5);
}

TEST_P(ReferenceTest, OnednnGivesThemInFp32) {
  ExpectOnednnGivesGolden(Arithmetic::kFp32, 1e-4);
}

TEST_P(ReferenceTest, OnednnGivesThemByWinograd) {
  ExpectOnednnGivesGolden(Arithmetic::kFp32Winograd, 1e-4);
}

// Up to 74 convolutions, of each of which weight, activation and result are
// rounded independently: sqrt(3 x 74) = 15 times one rounding. bf16 has 8 bits,
// which err by 2^-9 at most and by 2^-9 / sqrt(3) = 0.0011 in the mean square.
TEST_P(ReferenceTest, OnednnGivesThemInBf16) {
  ExpectOnednnGivesGolden(Arithmetic::kBf16, 0.02);
}

// A grid of 127 steps up to a largest value of 4 deviations errs by 0.9 %, of
// 255 steps by half of it: weights have the one, most activations the other.
TEST_P(ReferenceTest, OnednnGivesThemInInt8) {
  ExpectOnednnGivesGolden(Arithmetic::kInt8, 0.1);
}

INSTANTIATE_TEST_SUITE_P(Networks, ReferenceTest, ::testing::ValuesIn(Cases()),
                         [](const ::testing::TestParamInfo<Case>& info) {
                           return absl::StrCat(FamilyName(info.param.family),
                                               "_", info.param.arch, "_",
                                               info.param.input_size);
                         });

}  // namespace
}  // namespace nevus
