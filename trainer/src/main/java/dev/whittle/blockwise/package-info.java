/// Block-wise reconstruction: layer by layer, the quantized weights are trained until the layer's
/// outputs on a calibration text come close to those of the full-precision model (BRECQ, Li et al.
/// 2021, <https://arxiv.org/abs/2102.05426>; AutoRound, Cheng et al. 2023,
/// <https://arxiv.org/abs/2309.05516>; Block-AP of EfficientQAT, Chen et al. 2024,
/// <https://arxiv.org/abs/2407.11062>).
@NullMarked
package dev.whittle.blockwise;

import org.jspecify.annotations.NullMarked;
