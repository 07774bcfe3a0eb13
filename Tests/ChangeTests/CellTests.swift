import Change
import Testing

@Suite struct CellTests {
  @Test func cellsAndChangesHaveTheSizesThatTheDesignCountsOn() {
    #expect(MemoryLayout<Cell>.stride == 16)
    #expect(MemoryLayout<RowChange>.stride == 32)
  }

  @Test func extremeNumbersComeBackExactly() {
    #expect(Cell.int(.min).int == .min && Cell.int(.max).int == .max)
    #expect(Cell.uint(.max).payload == .max)
    #expect(Cell.float64(-0.0).float64.sign == .minus)
    #expect(Cell.float64(.nan).float64.isNaN)
    #expect(Cell.float32(.leastNonzeroMagnitude).float32 == .leastNonzeroMagnitude)
    let decimal = Cell.decimal64(unscaled: -999_999_999_999_999_999, scale: 18)
    #expect(decimal.int == -999_999_999_999_999_999 && decimal.scale == 18)
    #expect(Cell.time(microseconds: -3_020_399_000_000).int == -3_020_399_000_000)
    #expect(Cell.bits(.max).payload == .max)
  }

  @Test func aSliceCanLieAnywhereInAnArenaOfFourGibibytes() {
    let cell = Cell.slice(.text, offset: 0xffff_fff0, length: 15)
    #expect(cell.offset == 0xffff_fff0 && cell.length == 15)
    #expect(cell.range == 0xffff_fff0..<0xffff_ffff)
    #expect(cell.isSlice)
  }

  @Test func onlyValuesCountAsValues() {
    for cell in [Cell.null, .absent, .unavailable] { #expect(!cell.hasValue) }
    for cell in [Cell.boolean(false), .int(0), .uint(0), .bits(0), .slice(.text, offset: 0, length: 0)] {
      #expect(cell.hasValue)
    }
  }

  @Test func flooredDivisionRoundsTowardsMinusInfinity() {
    for (value, quotient, remainder) in [(-1, -1, 9), (-10, -1, 0), (-11, -2, 9), (0, 0, 0), (19, 1, 9)]
      as [(Int64, Int64, Int64)]
    {
      #expect(value.flooredDivision(by: 10) == (quotient, remainder))
    }
  }

  @Test func everyFailureHasAConsequenceWithAnExitStatusOfSysexits() {
    for code in Failure.Code.allCases { #expect((64...78).contains(code.exitStatus)) }
    #expect(Failure(.fenced, "no", at: "here", hint: "do").description == "here: no [fenced]\n  hint: do")
    #expect(Failure(.fenced, "no").at("there").place == "there")
    #expect(Failure(.fenced, "no", at: "here").at("there").place == "here")
  }
}
