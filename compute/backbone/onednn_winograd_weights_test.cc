// Against oneDNN's own reorder, bit for bit.
#include "compute/backbone/onednn_winograd_weights.h"

#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compute/backbone/cpu.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using dnnl::memory;
using Layout = memory::format_tag;
constexpr auto kFloat = memory::data_type::f32;

struct Shape {
  int in = 0, out = 0, side = 0;
};

// VGG16's, each once; and others, of chunks of other sizes.
const Shape kShapes[] = {{64, 64, 224},  {64, 128, 112}, {128, 128, 112},
                         {128, 256, 56}, {256, 256, 56}, {256, 512, 28},
                         {512, 512, 28}, {512, 512, 14}, {16, 16, 56},
                         {48, 16, 35},   {16, 96, 56},   {80, 192, 71},
                         {384, 384, 17}, {448, 384, 8},  {512, 512, 7}};

// As oneDNN wants them for this shape; empty if it has no Winograd for it.
memory::desc WantedForm(const Shape& shape, const dnnl::engine& engine) {
  const memory::dim in = shape.in, out = shape.out, side = shape.side;
  const dnnl::convolution_forward::desc layer(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_winograd,
      memory::desc({1, in, side, side}, kFloat, Layout::any),
      memory::desc({out, in, 3, 3}, kFloat, Layout::any),
      memory::desc({out}, kFloat, Layout::x),
      memory::desc({1, out, side, side}, kFloat, Layout::any), {1, 1}, {1, 1},
      {1, 1});
  const dnnl::convolution_forward::primitive_desc plan(layer, engine,
                                                       /*allow_empty=*/true);
  return plan ? plan.weights_desc() : memory::desc();
}

TEST(OnednnWinogradWeightsTest, AreWhatOnednnMakesOfThem) {
  if (!HasAvx512()) {
    GTEST_SKIP() << "skipped: oneDNN has no fp32 Winograd without AVX-512";
  }
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::set<int> forms;
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(absl::StrCat(shape.in, " to ", shape.out, " channels of ",
                              shape.side, " x ", shape.side));
    const memory::desc form = WantedForm(shape, engine);
    if (form.is_zero()) continue;
    ASSERT_TRUE(IsWinogradWeights(form));
    forms.insert(form.data.format_desc.wino_desc.wino_format);
    std::vector<float> weights(size_t{9} * shape.in * shape.out);
    for (float& weight : weights) weight = normal(random);

    const memory::desc plain({shape.out, shape.in, 3, 3}, kFloat, Layout::oihw);
    memory from(plain, engine, weights.data()), expected(form, engine);
    dnnl::reorder(from, expected).execute(stream, from, expected);
    stream.wait();
    std::vector<float> found(form.get_size() / sizeof(float));
    FillWinogradWeights(weights.data(), form, found.data());
    EXPECT_EQ(
        std::memcmp(found.data(), expected.get_data_handle(), form.get_size()),
        0);
  }
  // All that oneDNN has in fp32.
  EXPECT_EQ(forms, (std::set<int>{dnnl_wino_wei_aaOio, dnnl_wino_wei_aaOBiOo,
                                  dnnl_wino_wei_OBaaIBOIio}));
}

TEST(OnednnWinogradWeightsTest, OtherFormsAreLeftToOnednn) {
  for (const auto layout : {Layout::oihw, Layout::hwio, Layout::OIhw16i16o}) {
    EXPECT_FALSE(
        IsWinogradWeights(memory::desc({64, 64, 3, 3}, kFloat, layout)));
  }
  // What its kernels on bytes read carries scales and sums.
  memory::desc form({64, 64, 3, 3}, kFloat, Layout::oihw);
  form.data.format_kind = dnnl_format_kind_wino;
  form.data.format_desc.wino_desc = {
      dnnl_wino_wei_aaOIoi, 3, 4, 64, 64, 16, 16, 1, 1, 1.0f, 64 * 64 * 16 * 4};
  EXPECT_FALSE(IsWinogradWeights(form));
  // Channels of padding.
  form.data.format_desc.wino_desc.wino_format = dnnl_wino_wei_aaOio;
  EXPECT_TRUE(IsWinogradWeights(form));
  form.data.dims[1] = 60;
  EXPECT_FALSE(IsWinogradWeights(form));
}

}  // namespace
}  // namespace nevus
