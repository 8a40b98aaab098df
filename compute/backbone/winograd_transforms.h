// Into Winograd's points and back.
#ifndef NEVUS_COMPUTE_BACKBONE_WINOGRAD_TRANSFORMS_H_
#define NEVUS_COMPUTE_BACKBONE_WINOGRAD_TRANSFORMS_H_

#include <cstddef>

#include "compute/backbone/winograd_kernels.h"
#include "compute/backbone/winograd_lanes.h"

namespace nevus {

// As in WinogradKernels. kPanel: output channels of a panel of weights.
template <int kLanes, int kPanel>
class WinogradTransforms : WinogradLanes<kLanes> {
 public:
  static void Weights(const float* weights, int in_channels, int out_channels,
                      float* points) {
    constexpr int kWindow = 3, kArea = kWindow * kWindow;
    const size_t plane = size_t{1} * in_channels * out_channels;
    for (int first = 0; first < out_channels; first += kLanes) {
      const int panel = first / kPanel * kPanel;
      const int width =
          out_channels - panel < kPanel ? out_channels - panel : kPanel;
      for (int i = 0; i < in_channels; ++i) {
        float windows[kArea * kLanes];
        for (int lane = 0; lane < kLanes; ++lane) {
          const float* const window =
              weights + (size_t{1} * (first + lane) * in_channels + i) * kArea;
          for (int k = 0; k < kArea; ++k) {
            windows[k * kLanes + lane] = window[k];
          }
        }
        Lanes rows[kReach][kWindow];
        for (int x = 0; x < kWindow; ++x) {
          Lanes column[kWindow], reached[kReach];
          for (int y = 0; y < kWindow; ++y) {
            column[y] = Load(windows + (y * kWindow + x) * kLanes);
          }
          WeightsToPoints(column, reached);
          for (int y = 0; y < kReach; ++y) rows[y][x] = reached[y];
        }
        float* to = points + size_t{1} * panel * in_channels +
                    size_t{1} * i * width + (first - panel);
        for (int y = 0; y < kReach; ++y) {
          Lanes row[kReach];
          WeightsToPoints(rows[y], row);
          for (int x = 0; x < kReach; ++x, to += plane) Store(row[x], to);
        }
      }
    }
  }

  static void Tile(const WinogradStrip& strip, int tile, int in_channels,
                   const float* image, float* points, size_t plane) {
    const int top =
        (strip.first_row + tile / strip.columns) * kTile - strip.padding;
    const int left = tile % strip.columns * kTile - strip.padding;
    float* const to = points + size_t{1} * tile * in_channels;
    if (top >= 0 && left >= 0 && top + kReach <= strip.in_height &&
        left + kReach <= strip.in_width) {
      TileAt<true>(strip, top, left, in_channels, image, to, plane);
    } else {
      TileAt<false>(strip, top, left, in_channels, image, to, plane);
    }
  }

  static void Back(const WinogradStrip& strip, int tile, int out_channels,
                   const float* sums, size_t plane, const float* bias,
                   bool relu, float* output) {
    const int top = (strip.first_row + tile / strip.columns) * kTile;
    const int left = tile % strip.columns * kTile;
    const int rows_left = strip.height - top, columns_left = strip.width - left;
    for (int channel = 0; channel < out_channels; channel += kLanes) {
      const float* const from =
          sums + size_t{1} * tile * out_channels + channel;
      Lanes rows[kTile][kReach];
      for (int x = 0; x < kReach; ++x) {
        Lanes column[kReach], outputs[kTile];
        for (int y = 0; y < kReach; ++y) {
          column[y] = Load(from + (y * kReach + x) * plane);
        }
        FromPoints(column, outputs);
        for (int y = 0; y < kTile; ++y) rows[y][x] = outputs[y];
      }
      const Lanes added = Load(bias + channel), zero = {};
      for (int y = 0; y < kTile && y < rows_left; ++y) {
        Lanes outputs[kTile];
        FromPoints(rows[y], outputs);
        for (int x = 0; x < kTile && x < columns_left; ++x) {
          Lanes value = outputs[x] + added;
          if (relu) value = value > zero ? value : zero;
          Store(value, output +
                           (size_t{1} * (top + y) * strip.width + left + x) *
                               out_channels +
                           channel);
        }
      }
    }
  }

 private:
  using typename WinogradLanes<kLanes>::Lanes;
  using WinogradLanes<kLanes>::Load;
  using WinogradLanes<kLanes>::Store;

  static constexpr int kTile = WinogradKernels::kTile;
  static constexpr int kReach = WinogradKernels::kReach;

  // The points 0, +-kNear, +-kFar and infinity, oneDNN's: with the paper's 0,
  // +-1, +-2 the rounding error is half as large again.
  static constexpr float kNear = 0.625f, kFar = 1.5f;
  static constexpr float kNear2 = kNear * kNear, kFar2 = kFar * kFar;

  // The transposed B: six inputs of a row or column become six points.
  static void ToPoints(const Lanes* d, Lanes* points) {
    const Lanes near_even = d[4] - kFar2 * d[2];
    const Lanes near_odd = kNear * (d[3] - kFar2 * d[1]);
    const Lanes far_even = d[4] - kNear2 * d[2];
    const Lanes far_odd = kFar * (d[3] - kNear2 * d[1]);
    constexpr float kProduct = kNear2 * kFar2, kSum = kNear2 + kFar2;
    points[0] = kProduct * d[0] - kSum * d[2] + d[4];
    points[1] = near_even + near_odd;
    points[2] = near_even - near_odd;
    points[3] = far_even + far_odd;
    points[4] = far_even - far_odd;
    points[5] = kProduct * d[1] - kSum * d[3] + d[5];
  }

  // The transposed A: six points become four outputs.
  static void FromPoints(const Lanes* m, Lanes* outputs) {
    const Lanes near_even = m[1] + m[2], near_odd = m[1] - m[2];
    const Lanes far_even = m[3] + m[4], far_odd = m[3] - m[4];
    outputs[0] = m[0] + near_even + far_even;
    outputs[1] = kNear * near_odd + kFar * far_odd;
    outputs[2] = kNear2 * near_even + kFar2 * far_even;
    outputs[3] = kNear * kNear2 * near_odd + kFar * kFar2 * far_odd + m[5];
  }

  // G: three weights of a row or column become six points.
  static void WeightsToPoints(const Lanes* w, Lanes* points) {
    constexpr float kNearScale = 1 / (2 * kNear2 * (kNear2 - kFar2));
    constexpr float kFarScale = 1 / (2 * kFar2 * (kFar2 - kNear2));
    const Lanes near_even = kNearScale * (w[0] + kNear2 * w[2]);
    const Lanes near_odd = kNearScale * kNear * w[1];
    const Lanes far_even = kFarScale * (w[0] + kFar2 * w[2]);
    const Lanes far_odd = kFarScale * kFar * w[1];
    points[0] = 1 / (kNear2 * kFar2) * w[0];
    points[1] = near_even + near_odd;
    points[2] = near_even - near_odd;
    points[3] = far_even + far_odd;
    points[4] = far_even - far_odd;
    points[5] = w[2];
  }

  // kInside: no input lies beyond the image's edge, where it would be 0.
  template <bool kInside>
  static void TileAt(const WinogradStrip& strip, int top, int left,
                     int channels, const float* image, float* points,
                     size_t plane) {
    for (int channel = 0; channel < channels; channel += kLanes) {
      Lanes rows[kReach][kReach];
      for (int x = 0; x < kReach; ++x) {
        Lanes inputs[kReach], column[kReach];
        for (int y = 0; y < kReach; ++y) {
          const bool inside =
              kInside || (top + y >= 0 && top + y < strip.in_height &&
                          left + x >= 0 && left + x < strip.in_width);
          const ptrdiff_t place =
              ptrdiff_t{1} * (top + y) * strip.in_width + left;
          inputs[y] =
              inside ? Load(image + (place + x) * channels + channel) : Lanes{};
        }
        ToPoints(inputs, column);
        for (int y = 0; y < kReach; ++y) rows[y][x] = column[y];
      }
      for (int y = 0; y < kReach; ++y) {
        Lanes row[kReach];
        ToPoints(rows[y], row);
        for (int x = 0; x < kReach; ++x) {
          Store(row[x], points + (y * kReach + x) * plane + channel);
        }
      }
    }
  }
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_WINOGRAD_TRANSFORMS_H_
