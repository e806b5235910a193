import java.io.FileInputStream;
import java.io.InputStream;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** Validates files as PDF/A-3a and PDF/UA-1: one line "FLAVOUR yes|no ASSERTIONS FILE" each, then each broken rule. */
class Check {
    public static void main(String[] files) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        for (String file : files) {
            for (String flavour : new String[] {"3a", "ua1"}) {
                validate(file, flavour);
            }
        }
    }

    private static void validate(String file, String flavour) throws Exception {
        PDFAFlavour wanted = PDFAFlavour.byFlavourId(flavour);
        try (InputStream in = new FileInputStream(file);
                PDFAParser parser = Foundries.defaultInstance().createParser(in, wanted)) {
            PDFAValidator validator = Foundries.defaultInstance().createValidator(wanted, false);
            ValidationResult found = validator.validate(parser);
            String held = found.isCompliant() ? "yes" : "no";
            System.out.println(flavour + " " + held + " " + found.getTotalAssertions() + " " + file);
            for (TestAssertion row : found.getTestAssertions()) {
                if (row.getStatus() == TestAssertion.Status.FAILED) {
                    System.out.println("broken " + row.getRuleId() + " " + row.getMessage());
                }
            }
        }
    }
}
