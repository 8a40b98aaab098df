#include "compute/backbone/onednn_winograd_weights.h"

#include <cstddef>
#include <cstring>

namespace nevus {
namespace {

constexpr int kBlock = 16;  // channels in a block, of both sides
constexpr int kWindow = 3;

// As the compiler's vectors: one number of 16 output channels. Without FMA, as
// Debian's oneDNN computes it too.
typedef float Lanes __attribute__((vector_size(4 * kBlock)));

// The kernels' G: points x window. F(2x2, 3x3) is Lavin and Gray's; for F(4x4,
// 3x3) oneDNN interpolates at other points than the paper, for accuracy.
template <int kPoints>
struct Transform;
template <>
struct Transform<4> {
  static constexpr float kG[4][kWindow] = {
      {1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
};
template <>
struct Transform<6> {
  static constexpr float kG[6][kWindow] = {
      {1.13777777777778f, 0, 0},
      {-0.688403361344538f, -0.430252100840336f, -0.26890756302521f},
      {-0.688403361344538f, 0.430252100840336f, -0.26890756302521f},
      {0.119514472455649f, 0.179271708683473f, 0.26890756302521f},
      {0.119514472455649f, -0.179271708683473f, 0.26890756302521f},
      {0, 0, 1}};
};

// Where a block of 16 inputs x 16 outputs lies: of point p at first + p *
// stride.
struct BlockPlace {
  size_t first = 0;
  size_t stride = 0;
  size_t input_stride = kBlock;  // from input to input
};

BlockPlace Place(const dnnl_wino_desc_t& form, int out_block, int in_block) {
  constexpr size_t kTwoBlocks = size_t{kBlock} * kBlock;
  const size_t points = size_t{1} * form.alpha * form.alpha;
  const size_t ins = form.ic / kBlock, outs = form.oc / kBlock;
  const size_t in2 = form.ic2_block, out2 = form.oc2_block;
  switch (form.wino_format) {
    case dnnl_wino_wei_aaOio:
      // Point, output block, input block, input, output.
      return {(out_block * ins + in_block) * kTwoBlocks,
              outs * ins * kTwoBlocks};
    case dnnl_wino_wei_aaOBiOo:
      // Point, chunk of output blocks, input block, input, output block,
      // output.
      return {(out_block / out2 * ins + in_block) * out2 * kTwoBlocks +
                  out_block % out2 * kBlock,
              outs * ins * kTwoBlocks, out2 * kBlock};
    default: {
      // Chunk of output blocks, point, chunk of input blocks, output block,
      // input block, input, output.
      const size_t point = ins * out2 * kTwoBlocks;
      return {out_block / out2 * points * point +
                  ((in_block / in2 * out2 + out_block % out2) * in2 +
                   in_block % in2) *
                      kTwoBlocks,
              point};
    }
  }
}

template <int kPoints>
void FillBlock(const float* weights, size_t in_channels,
               const BlockPlace& place, float* points) {
  constexpr auto& kG = Transform<kPoints>::kG;
  float windows[kBlock][kWindow * kWindow][kBlock];  // input, place, output
  for (int o = 0; o < kBlock; ++o) {
    const float* const from = weights + o * in_channels * kWindow * kWindow;
    for (int i = 0; i < kBlock; ++i) {
      for (int k = 0; k < kWindow * kWindow; ++k) {
        windows[i][k][o] = from[i * kWindow * kWindow + k];
      }
    }
  }
  for (int i = 0; i < kBlock; ++i) {
    Lanes window[kWindow][kWindow], half[kWindow][kPoints];
    std::memcpy(window, windows[i], sizeof(window));
    for (int y = 0; y < kWindow; ++y) {
      for (int x = 0; x < kPoints; ++x) {
        half[y][x] = window[y][0] * kG[x][0] + window[y][1] * kG[x][1] +
                     window[y][2] * kG[x][2];
      }
    }
    float* to = points + place.first + i * place.input_stride;
    for (int y = 0; y < kPoints; ++y) {
      for (int x = 0; x < kPoints; ++x) {
        const Lanes point = half[0][x] * kG[y][0] + half[1][x] * kG[y][1] +
                            half[2][x] * kG[y][2];
        std::memcpy(to, &point, sizeof(point));
        to += place.stride;
      }
    }
  }
}

const dnnl_wino_desc_t& FormOf(const dnnl::memory::desc& desc) {
  return desc.data.format_desc.wino_desc;
}

}  // namespace

bool IsWinogradWeights(const dnnl::memory::desc& to) {
  if (to.data.format_kind != dnnl_format_kind_wino ||
      to.data.data_type != dnnl_f32) {
    return false;
  }
  const dnnl_wino_desc_t& form = FormOf(to);
  const bool small = form.wino_format == dnnl_wino_wei_aaOio ||
                     form.wino_format == dnnl_wino_wei_aaOBiOo;
  const bool large = form.wino_format == dnnl_wino_wei_OBaaIBOIio;
  const bool known = (small && form.alpha == 4) || (large && form.alpha == 6);
  // Without channels of padding.
  return known && form.r == kWindow && form.ic_block == kBlock &&
         form.oc_block == kBlock && form.ic % kBlock == 0 &&
         form.oc % kBlock == 0 && form.ic2_block > 0 && form.oc2_block > 0 &&
         (!large || form.ic % (kBlock * form.ic2_block) == 0) &&
         (form.wino_format == dnnl_wino_wei_aaOio ||
          form.oc % (kBlock * form.oc2_block) == 0) &&
         to.get_size() == sizeof(float) * form.alpha * form.alpha * size_t{1} *
                              form.ic * form.oc &&
         to.data.ndims == 4 && to.data.dims[0] == form.oc &&
         to.data.dims[1] == form.ic;
}

void FillWinogradWeights(const float* weights, const dnnl::memory::desc& to,
                         float* points) {
  const dnnl_wino_desc_t& form = FormOf(to);
  const int outs = form.oc / kBlock, ins = form.ic / kBlock;
  for (int o = 0; o < outs; ++o) {
    for (int i = 0; i < ins; ++i) {
      const size_t window = kWindow * kWindow;
      const float* const block =
          weights + (size_t{1} * o * form.ic + i) * kBlock * window;
      const BlockPlace place = Place(form, o, i);
      if (form.alpha == 6) {
        FillBlock<6>(block, form.ic, place, points);
      } else {
        FillBlock<4>(block, form.ic, place, points);
      }
    }
  }
}

}  // namespace nevus
