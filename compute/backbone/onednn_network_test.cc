#include "compute/backbone/onednn_network.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/testing/reference_network.h"
#include "compute/backbone/testing/weight_files.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

// A table, written one layer a line.
class Table {
 public:
  int Conv(int input, int channels, Window window, bool relu = true,
           int groups = 1, int residual = kNone) {
    Layer layer = Make(Op::kConvolution, {input}, window);
    layer.channels = channels;
    layer.relu = relu;
    layer.groups = groups;
    if (residual != kNone) layer.inputs.push_back(residual);
    return Push(layer);
  }
  int Pool(Op op, int input, Window window) {
    return Push(Make(op, {input}, window));
  }
  int Add(int a, int b, bool relu) {
    Layer layer = Make(Op::kAdd, {a, b});
    layer.relu = relu;
    return Push(layer);
  }
  int Relu(int input) { return Push(Make(Op::kRelu, {input})); }
  int Concat(std::vector<int> inputs) {
    return Push(Make(Op::kConcat, std::move(inputs)));
  }

  Layers layers;

 private:
  static constexpr int kNone = -2;

  static Layer Make(Op op, std::vector<int> inputs, Window window = {}) {
    Layer layer;
    layer.op = op;
    layer.inputs = std::move(inputs);
    layer.window = window;
    return layer;
  }
  int Push(Layer layer) {
    layer.name = "layer" + std::to_string(layers.size());
    layers.push_back(std::move(layer));
    return static_cast<int>(layers.size()) - 1;
  }
};

constexpr Window kOne = {1, 1, 1}, kOneByTwo = {1, 1, 2};
constexpr Window kThree = {3, 3, 1, Padding::kExplicit, 1, 1};

struct Case {
  std::string name;
  Layers layers;
  int size = 18;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  const auto add = [&](const char* name, int size, auto fill) {
    Table table;
    fill(table);
    cases.push_back({name, table.layers, size});
  };
  add("OneConvolution", 18, [](Table& t) { t.Conv(kImage, 16, kThree); });
  const struct {
    const char* name;
    Window window;
  } kWindows[] = {
      {"Three", kThree},
      {"ThreeNoPadding", {3, 3, 1}},
      {"ThreeByTwo", {3, 3, 2, Padding::kExplicit, 1, 1}},
      {"ThreeByTwoSame", {3, 3, 2, Padding::kSame}},
      {"One", kOne},
      {"OneByTwo", kOneByTwo},
      {"Five", {5, 5, 1, Padding::kExplicit, 2, 2}},
      {"SevenByTwo", {7, 7, 2, Padding::kExplicit, 3, 3}},
      {"Row", {1, 7, 1, Padding::kExplicit, 0, 3}},
      {"Column", {7, 1, 1, Padding::kExplicit, 3, 0}},
  };
  for (const auto& w : kWindows) {
    add(w.name, 19, [&](Table& t) {
      t.Conv(t.Conv(t.Conv(kImage, 32, kThree), 48, w.window), 32, kOne, false);
    });
  }
  add("OddChannels", 18, [](Table& t) {
    t.Conv(t.Conv(t.Conv(kImage, 24, kThree), 40, kThree), 20, kThree);
  });
  add("Grouped", 18, [](Table& t) {
    t.Conv(t.Conv(kImage, 64, kThree), 64, kThree, true, /*groups=*/4);
  });
  // Xception's: no ReLU inside, channels that fill no block of 16.
  add("DepthwiseThenPointwise", 18, [](Table& t) {
    const int stem = t.Conv(kImage, 40, kThree);
    t.Conv(t.Conv(stem, 40, kThree, false, 40), 48, kOne, false);
  });
  add("DepthwiseLast", 18, [](Table& t) {
    t.Conv(t.Conv(kImage, 32, kThree), 32, kThree, false, 32);
  });
  // ResNet's: the residual is read for the last time.
  add("Residual", 18, [](Table& t) {
    const int stem = t.Pool(Op::kMaxPool, t.Conv(kImage, 64, kThree),
                            {3, 3, 2, Padding::kExplicit, 1, 1});
    const int shortcut = t.Conv(stem, 128, kOneByTwo, false);
    const int inner = t.Conv(stem, 32, {3, 3, 2, Padding::kExplicit, 1, 1});
    const int block = t.Conv(inner, 128, kOne, true, 1, shortcut);
    t.Conv(t.Conv(block, 32, kThree), 128, kOne, true, 1, block);
  });
  add("ResidualNeededLater", 18, [](Table& t) {
    const int stem = t.Conv(kImage, 32, kThree);
    const int a = t.Conv(stem, 32, kThree, true, 1, stem);
    const int b = t.Conv(a, 32, kThree, true, 1, stem);
    t.Concat({a, b, stem});
  });
  add("ResidualOfItself", 18, [](Table& t) {
    const int stem = t.Conv(kImage, 32, kThree);
    t.Pool(Op::kMaxPool, t.Conv(stem, 32, kThree, true, 1, stem), {2, 2, 2});
  });
  // Inception's: pools of both kinds, and branches that meet.
  for (bool count_padding : {false, true}) {
    for (int channels : {32, 24}) {
      add((std::string("Branches") + std::to_string(channels) +
           (count_padding ? "CountingPadding" : ""))
              .c_str(),
          18, [&](Table& t) {
            const int stem = t.Conv(kImage, channels, kThree);
            const int pooled =
                t.Pool(Op::kAveragePool, stem,
                       {3, 3, 1, Padding::kExplicit, 1, 1, count_padding});
            const int a = t.Conv(stem, 16, kOne);
            const int b = t.Conv(t.Conv(stem, 16, kOne), channels, kThree);
            const int joined = t.Concat({a, b, t.Conv(pooled, 48, kOne)});
            const int again =
                t.Concat({t.Conv(joined, 32, kThree),
                          t.Pool(Op::kMaxPool, joined, kThree), a, a});
            t.Conv(again, 64, kThree);
            t.Conv(again, 32, {3, 3, 2});
            t.Concat({again, static_cast<int>(t.layers.size()) - 2});
          });
    }
  }
  // Tiles enough for any Winograd, with and without ReLU, into a direct
  // convolution, a pool, a concatenation and a sum.
  add("LargeMaps", 27, [](Table& t) {
    const int stem = t.Conv(kImage, 16, kThree);
    const int a = t.Conv(stem, 48, kThree);
    const int b = t.Conv(a, 48, kThree, false);
    const int c = t.Conv(b, 48, kOne, true, 1, a);
    t.Pool(Op::kMaxPool, t.Conv(t.Concat({a, c}), 32, kThree), {2, 2, 2});
  });
  add("ConcatOfConcats", 18, [](Table& t) {
    const int stem = t.Conv(kImage, 32, kThree);
    const int a = t.Concat({t.Conv(stem, 16, kOne), t.Conv(stem, 32, kOne)});
    const int b = t.Concat({a, t.Conv(a, 16, kThree)});
    t.Conv(b, 32, kOne, true);
  });
  // Xception's blocks: sums that may be negative, ReLU on its own.
  add("AddThenRelu", 18, [](Table& t) {
    const int stem = t.Conv(kImage, 40, kThree, false);
    const int inner =
        t.Conv(t.Conv(t.Relu(stem), 40, kThree, false, 40), 40, kOne, false);
    const int sum =
        t.Add(t.Pool(Op::kMaxPool, inner, {3, 3, 2, Padding::kSame}),
              t.Conv(stem, 40, kOneByTwo, false), false);
    t.Conv(t.Relu(sum), 64, kOne);
  });
  add("AddLast", 18, [](Table& t) {
    const int stem = t.Conv(kImage, 32, kThree);
    t.Add(stem, t.Conv(stem, 32, kThree, false), true);
  });
  add("PoolOfTheImage", 18, [](Table& t) {
    t.Conv(t.Relu(t.Pool(Op::kAveragePool, kImage, {2, 2, 2})), 32, kThree);
  });
  add("GlobalAverage", 18, [](Table& t) {
    t.Pool(Op::kAveragePool, t.Conv(t.Conv(kImage, 32, kThree), 32, kThree),
           {18, 18, 1});
  });
  return cases;
}

int Inputs(const Layers& layers, int layer) {
  if (layer == kImage) return 3;
  const Layer& at = layers[layer];
  if (at.op == Op::kConvolution) return at.channels;
  int channels = 0;
  for (int input : at.inputs) {
    if (at.op != Op::kConcat) return Inputs(layers, input);
    channels += Inputs(layers, input);
  }
  return channels;
}

// He-normal weights, small biases; the same on every machine is not needed.
NetworkWeights RandomWeights(const Layers& layers) {
  std::mt19937 random(7);
  NetworkWeights weights;
  for (const Layer& layer : layers) {
    if (layer.op != Op::kConvolution) continue;
    LayerWeights& w = weights[layer.name];
    const int in = Inputs(layers, layer.inputs[0]) / layer.groups;
    w.weight.shape = {layer.channels, in, layer.window.height,
                      layer.window.width};
    w.bias.shape = {layer.channels};
    const double products = 1.0 * in * layer.window.height * layer.window.width;
    std::normal_distribution<float> normal(0, std::sqrt(2 / products));
    w.weight.values.resize(Count(w.weight.shape));
    for (float& value : w.weight.values) value = normal(random);
    w.bias.values.resize(layer.channels);
    for (float& value : w.bias.values) value = 0.1f * normal(random);
  }
  return weights;
}

Calibration Ranges(const Layers& layers,
                   const std::vector<std::vector<double>>& outputs) {
  Calibration calibration;
  for (size_t i = 0; i < layers.size(); ++i) {
    float range = 0;
    for (double value : outputs[i]) {
      range = std::max(range, static_cast<float>(std::fabs(value)));
    }
    calibration[layers[i].name] = range;
  }
  return calibration;
}

int Convolutions(const Layers& layers) {
  return std::count_if(layers.begin(), layers.end(), [](const Layer& layer) {
    return layer.op == Op::kConvolution;
  });
}

// The relative error that rounding can explain, per convolution.
//
// fp32: sums of 9 C products err by about sqrt(9 C) u, u = 2^-24, C <= 128;
// Winograd's transforms make up to 5 times sqrt(C) of it (vgg16_test).
// bf16: weight, activation and result each rounded to 8 bits.
// int8: a grid of 127 steps up to a largest value of about 4 deviations errs by
// 4 / 127 / sqrt(12) = 0.9 %; weight, activation and result. oneDNN's Winograd
// rounds the transformed weights and drops two bits of the transformed
// activation besides.
double Tolerance(Arithmetic arithmetic, int convolutions) {
  const double u = std::pow(2, -24);
  switch (arithmetic) {
    case Arithmetic::kFp32:
      return convolutions * std::sqrt(9 * 128) * u;
    case Arithmetic::kFp32Winograd:
      return convolutions * 5 * (4 + std::sqrt(128)) * u;
    case Arithmetic::kBf16:
      return convolutions * std::sqrt(3) * std::pow(2, -9);
    case Arithmetic::kInt8:
      return convolutions * std::sqrt(3) * 0.009;
    case Arithmetic::kInt8Winograd:
      return convolutions * 4 * std::sqrt(3) * 0.009;
    case Arithmetic::kCudaFp32:
    case Arithmetic::kCudaBf16:
      break;
  }
  return 0;
}

std::vector<float> Activation(const Layers& layers,
                              const NetworkWeights& weights,
                              Arithmetic arithmetic,
                              const Calibration& calibration, int size,
                              int threads, const float* planes, size_t values) {
  const auto network = NewOnednnNetwork(layers, {layers.back().name}, weights,
                                        arithmetic, calibration, size, threads);
  EXPECT_THAT(network, IsOk());
  std::vector<float> activation(values);
  if (network.ok()) {
    EXPECT_THAT((*network)->Run(planes, activation.data()), IsOk());
  }
  return activation;
}

class OnednnNetworkTest : public ::testing::TestWithParam<Arithmetic> {
 protected:
  void SetUp() override {
    const absl::Status supported = CheckArithmeticSupported(GetParam());
    if (!supported.ok()) GTEST_SKIP() << "skipped: " << supported.message();
  }
};

TEST_P(OnednnNetworkTest, AgreesWithThePlainLoops) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const NetworkWeights weights = RandomWeights(c.layers);
    const std::vector<float> planes = TestPlanes(1, c.size);
    const auto wanted =
        ReferenceNetwork(c.layers, weights, planes.data(), c.size);
    const std::vector<float> found = Activation(
        c.layers, weights, GetParam(), Ranges(c.layers, wanted), c.size,
        /*threads=*/1, planes.data(), wanted.back().size());
    const double error = RelativeError(found, wanted.back());
    EXPECT_LT(error, Tolerance(GetParam(), Convolutions(c.layers)));
    RecordProperty(c.name, std::to_string(error));
  }
}

// Several cuts at once: a residual that would be written over, a part of a
// concatenation, a layer that others read.
TEST_P(OnednnNetworkTest, SeveralOutputsLieOneBehindTheOther) {
  Table t;
  const int stem = t.Conv(kImage, 32, kThree);
  const int a = t.Conv(stem, 32, kThree, true, 1, stem);
  const int b = t.Conv(a, 16, kOne);
  t.Conv(t.Concat({a, b}), 32, kThree, false);
  const NetworkWeights weights = RandomWeights(t.layers);
  const std::vector<float> planes = TestPlanes(1, 18);
  const auto wanted = ReferenceNetwork(t.layers, weights, planes.data(), 18);
  const auto network =
      NewOnednnNetwork(t.layers, {"layer4", "layer0", "layer2"}, weights,
                       GetParam(), Ranges(t.layers, wanted), 18, 2);
  ASSERT_THAT(network, IsOk());
  std::vector<float> found(wanted[4].size() + wanted[0].size() +
                           wanted[2].size());
  ASSERT_THAT((*network)->Run(planes.data(), found.data()), IsOk());
  auto begin = found.begin();
  for (int layer : {4, 0, 2}) {
    const auto end = begin + wanted[layer].size();
    EXPECT_LT(RelativeError({begin, end}, wanted[layer]),
              Tolerance(GetParam(), 4))
        << layer;
    begin = end;
  }
}

TEST_P(OnednnNetworkTest, TheNumberOfThreadsChangesNoBit) {
  for (const Case& c : Cases()) {
    for (int size : {c.size, 60}) {
      const NetworkWeights weights = RandomWeights(c.layers);
      const std::vector<float> planes = TestPlanes(1, size);
      Calibration calibration;
      for (const Layer& layer : c.layers) calibration[layer.name] = 8;
      const LayerShape out = InferShapes(c.layers, size).value().back();
      const size_t values = size_t{1} * out.channels * out.height * out.width;
      const std::vector<float> one =
          Activation(c.layers, weights, GetParam(), calibration, size, 1,
                     planes.data(), values);
      for (int threads : {2, 3, 16}) {
        SCOPED_TRACE(testing::Message()
                     << c.name << " at " << size << " on " << threads);
        EXPECT_EQ(one, Activation(c.layers, weights, GetParam(), calibration,
                                  size, threads, planes.data(), values));
      }
    }
  }
}

TEST_P(OnednnNetworkTest, AnImageLeavesNothingBehindForTheNext) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    Calibration calibration;
    for (const Layer& layer : c.layers) calibration[layer.name] = 8;
    const LayerShape out = InferShapes(c.layers, c.size).value().back();
    const auto network = NewOnednnNetwork(c.layers, {c.layers.back().name},
                                          RandomWeights(c.layers), GetParam(),
                                          calibration, c.size, /*threads=*/2)
                             .value();
    const std::vector<float> planes = TestPlanes(2, c.size);
    std::vector<float> first(out.channels * out.height * out.width);
    std::vector<float> other = first, again = first;
    ASSERT_THAT(network->Run(planes.data(), first.data()), IsOk());
    ASSERT_THAT(network->Run(&planes[3 * c.size * c.size], other.data()),
                IsOk());
    ASSERT_THAT(network->Run(planes.data(), again.data()), IsOk());
    EXPECT_EQ(first, again);
    EXPECT_NE(first, other);
  }
}

INSTANTIATE_TEST_SUITE_P(Arithmetics, OnednnNetworkTest,
                         ::testing::ValuesIn(Arithmetics()),
                         [](const auto& info) {
                           return std::string(ArithmeticName(info.param));
                         });

// Whole numbers on both grids: no rounding may happen, so no error may.
TEST(OnednnInt8Test, WholeNumbersAreExact) {
  const absl::Status supported = CheckArithmeticSupported(Arithmetic::kInt8);
  if (!supported.ok()) GTEST_SKIP() << "skipped: " << supported.message();
  constexpr int kSize = 12, kChannels = 32;
  Table t;
  const int stem = t.Conv(kImage, kChannels, kOne);
  t.Conv(t.Conv(stem, kChannels, kThree), kChannels, kThree, true, 1, stem);
  NetworkWeights weights = RandomWeights(t.layers);
  std::mt19937 random(5);
  for (auto& [name, w] : weights) {
    // The stem copies planes; every other channel has a largest weight of 127,
    // so that its steps are 1.
    std::fill(w.weight.values.begin(), w.weight.values.end(), 0.f);
    const size_t each = w.weight.values.size() / kChannels;
    for (size_t o = 0; o < kChannels; ++o) {
      float* const channel = &w.weight.values[o * each];
      const bool copies = name == t.layers[stem].name;
      if (copies) {
        channel[o % 3] = 1;
      } else {
        channel[random() % each] = -127;
        channel[random() % each] = 127;
      }
      w.bias.values[o] = copies ? 0 : static_cast<int>(random() % 64) - 32;
    }
  }
  std::vector<float> planes(3 * kSize * kSize);
  for (float& value : planes) value = random() % 2;
  // The second layer reaches 127 + 31.
  Calibration calibration = {{"layer0", 255}, {"layer1", 255}, {"layer2", 1}};
  const auto wanted = ReferenceNetwork(t.layers, weights, planes.data(), kSize);
  const auto found =
      Activation(t.layers, weights, Arithmetic::kInt8, calibration, kSize, 1,
                 planes.data(), wanted[2].size());
  EXPECT_EQ(std::vector<double>(found.begin(), found.end()), wanted[2]);
  EXPECT_GT(*std::max_element(found.begin(), found.end()), 1000);
}

// What lies above its range is cut off, not wrapped around.
TEST(OnednnInt8Test, LargeValuesSaturate) {
  const absl::Status supported = CheckArithmeticSupported(Arithmetic::kInt8);
  if (!supported.ok()) GTEST_SKIP() << "skipped: " << supported.message();
  constexpr int kSize = 12, kChannels = 16;
  Table t;
  t.Conv(t.Conv(kImage, kChannels, kOne), kChannels, kOne);
  NetworkWeights weights;
  LayerWeights& stem = weights["layer0"];
  stem = {{{kChannels, 3, 1, 1}, std::vector<float>(kChannels * 3, 1)},
          {{kChannels}, std::vector<float>(kChannels, 0)}};
  LayerWeights& copy = weights["layer1"];
  copy = {
      {{kChannels, kChannels, 1, 1}, std::vector<float>(kChannels * kChannels)},
      {{kChannels}, std::vector<float>(kChannels, 0)}};
  for (int o = 0; o < kChannels; ++o) {
    copy.weight.values[o * kChannels + o] = 127;
  }
  std::vector<float> planes(3 * kSize * kSize);
  for (size_t i = 0; i < planes.size(); ++i) planes[i] = i % 97;
  const auto wanted = ReferenceNetwork(t.layers, weights, planes.data(), kSize);
  std::vector<double> saturated = wanted[1];
  for (double& value : saturated) value = std::min(value, 127 * 102.0);
  ASSERT_NE(saturated, wanted[1]);
  const auto found = Activation(t.layers, weights, Arithmetic::kInt8,
                                {{"layer0", 102}, {"layer1", 1}}, kSize, 1,
                                planes.data(), saturated.size());
  // Steps of 0.4: half of one, times 127.
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], saturated[i], 127 * 0.2 + 1e-3) << i;
  }
}

TEST(OnednnNetworkErrorTest, WeightsThatDoNotFitAreNamed) {
  Table t;
  t.Conv(kImage, 16, kThree);
  NetworkWeights weights = RandomWeights(t.layers);
  weights["layer0"].weight.shape = {16, 3, 1, 1};
  auto network = NewOnednnNetwork(t.layers, {"layer0"}, weights,
                                  Arithmetic::kFp32, {}, 18, 1);
  EXPECT_THAT(network.status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "tensor layer0 has shape [16,3,1,1]; this network needs "
                       "[16,3,3,3]"));
  weights.clear();
  network = NewOnednnNetwork(t.layers, {"layer0"}, weights, Arithmetic::kFp32,
                             {}, 18, 1);
  EXPECT_THAT(network.status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                         "layer layer0 has no weights"));
  EXPECT_EQ(ReasonOf(network.status()), "WEIGHTS_INVALID");
}

TEST(OnednnNetworkErrorTest, Int8WithoutACalibrationIsRefused) {
  const absl::Status supported = CheckArithmeticSupported(Arithmetic::kInt8);
  if (!supported.ok()) GTEST_SKIP() << "skipped: " << supported.message();
  Table t;
  t.Conv(kImage, 16, kThree);
  const auto network =
      NewOnednnNetwork(t.layers, {"layer0"}, RandomWeights(t.layers),
                       Arithmetic::kInt8, {}, 18, 1);
  EXPECT_EQ(ReasonOf(network.status()), "CALIBRATION_MISSING");
}

}  // namespace
}  // namespace nevus
